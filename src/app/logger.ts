import { mkdirSync } from "node:fs"
import path from "node:path"
import { DefaultLogger, makeTelemetryFilterString, Runtime } from "@temporalio/worker"
import { destination, pino, stdSerializers, stdTimeFunctions } from "pino"
import type { Logger } from "pino"

export interface LoggerOptions {
  level: Logger["level"]
  /** Absent: stdout. */
  file?: string
}

/** JSON lines. */
export function createLogger({ level, file }: LoggerOptions): Logger {
  // The SDK logs errors under this name, of which JSON alone would show nothing.
  const options = { level, timestamp: stdTimeFunctions.isoTime, serializers: { error: stdSerializers.err } }
  if (file === undefined) return pino(options, destination({ dest: 1, sync: true }))
  mkdirSync(path.dirname(file), { recursive: true })
  return pino(options, destination({ dest: file, sync: true }))
}

/**
 * Sends the Temporal SDK's log lines the same way. Once per process, before its first connection or worker. Its own
 * signal handlers stay off: who composes the process stops it in the right order.
 */
export function installTemporalRuntime(logger: Logger): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger("INFO", ({ level, message, meta }) =>
      logger[PINO_LEVELS[level]](meta ?? {}, message),
    ),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: "WARN", other: "ERROR" }), forward: {} },
    },
  })
}

const PINO_LEVELS = { TRACE: "trace", DEBUG: "debug", INFO: "info", WARN: "warn", ERROR: "error" } as const
