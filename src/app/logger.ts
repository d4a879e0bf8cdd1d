import { mkdirSync } from "node:fs"
import path from "node:path"
import { DefaultLogger, makeTelemetryFilterString, Runtime } from "@temporalio/worker"
import { destination, levels, pino, stdSerializers, stdTimeFunctions } from "pino"
import type { Logger } from "pino"

export interface LoggerOptions {
  level: Logger["level"]
  /** `stdout`, `stderr`, or a file. */
  output: string
  /** JSON lines unless said. */
  format?: "json" | "text"
  /** Takes secrets out of whole lines, whoever wrote them. */
  mask?: (line: string) => string
}

export function createLogger({ level, output, format = "json", mask }: LoggerOptions): Logger {
  const options: pino.LoggerOptions = {
    level,
    timestamp: stdTimeFunctions.isoTime,
    // The SDK logs errors under this name, of which JSON alone would show nothing.
    serializers: { error: stdSerializers.err },
    ...(mask === undefined ? {} : { hooks: { streamWrite: (line: string) => maskLine(line, mask) } }),
  }
  const stream = openStream(output)
  return pino(options, format === "json" ? stream : { write: (line) => void stream.write(formatLine(line)) })
}

function openStream(output: string): ReturnType<typeof destination> {
  if (output === "stdout") return destination({ dest: 1, sync: true })
  if (output === "stderr") return destination({ dest: 2, sync: true })
  mkdirSync(path.dirname(output), { recursive: true })
  return destination({ dest: output, sync: true })
}

/** `2026-01-01T00:00:00.000Z WARN  the mirror waits  error="connection lost"`. */
function formatLine(json: string): string {
  // pino wrote it: an object with a number as its level.
  const { level, time, msg, pid: _pid, hostname: _host, ...fields } = JSON.parse(json) as LogRecord
  const label = (levels.labels[level] ?? String(level)).toUpperCase().padEnd(5)
  const rest = Object.entries(fields).map(([name, value]) => `  ${name}=${JSON.stringify(value)}`)
  // A message is not always ours: a line break in it would make up a line of its own.
  return `${time} ${label} ${JSON.stringify(msg ?? "").slice(1, -1)}${rest.join("")}\n`
}

interface LogRecord {
  level: number
  time: string
  msg?: string
  [field: string]: unknown
}

/** A line stays one JSON object, also when what was taken out had held it together. */
function maskLine(line: string, mask: (line: string) => string): string {
  const masked = mask(line)
  if (masked === line) return line
  try {
    JSON.parse(masked)
    return masked
  } catch {
    const { level, time } = JSON.parse(line) as LogRecord
    return `${JSON.stringify({ level, time, msg: masked.trim() })}\n`
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
