import { mkdirSync } from "node:fs"
import path from "node:path"
import { DefaultLogger, makeTelemetryFilterString, Runtime } from "@temporalio/worker"
import { destination, pino, stdSerializers, stdTimeFunctions } from "pino"
import type { Logger } from "pino"

export interface LoggerOptions {
  level: Logger["level"]
  /** Absent: stdout. */
  file?: string
  /** Takes secrets out of whole lines, whoever wrote them. */
  mask?: (line: string) => string
}

/** JSON lines. */
export function createLogger({ level, file, mask }: LoggerOptions): Logger {
  // The SDK logs errors under this name, of which JSON alone would show nothing.
  const options: pino.LoggerOptions = {
    level,
    timestamp: stdTimeFunctions.isoTime,
    serializers: { error: stdSerializers.err },
    ...(mask === undefined ? {} : { hooks: { streamWrite: (line: string) => maskLine(line, mask) } }),
  }
  if (file === undefined) return pino(options, destination({ dest: 1, sync: true }))
  mkdirSync(path.dirname(file), { recursive: true })
  return pino(options, destination({ dest: file, sync: true }))
}

/** A line stays one JSON object, also when what was taken out had held it together. */
function maskLine(line: string, mask: (line: string) => string): string {
  const masked = mask(line)
  if (masked === line) return line
  try {
    JSON.parse(masked)
    return masked
  } catch {
    return `${JSON.stringify({ msg: masked.trim() })}\n`
  }
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
