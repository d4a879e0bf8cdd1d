import type { Logger } from "../../src/store/logger.ts"

export interface LogLine {
  level: keyof Logger
  message: string
  fields: object
}

/** Collects instead of printing, for tests that ask what was said. */
export function createListeningLogger(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: keyof Logger) => (fields: object, message: string) =>
    void lines.push({ level, message, fields })
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }
}
