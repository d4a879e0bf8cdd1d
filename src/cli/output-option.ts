import { Option } from "commander"
import { stringify } from "yaml"
import type { Terminal } from "./terminal.ts"

const FORMATS = ["table", "json", "yaml"] as const
export type OutputFormat = (typeof FORMATS)[number]

export function outputOption(): Option {
  return new Option("-o, --output <format>", "how results are printed").choices(FORMATS).default("table")
}

/** `show` is for people; the other formats are the value itself, and nothing else on stdout. */
export function printResult<Value>(
  terminal: Terminal,
  { output }: { output: OutputFormat },
  { value, show }: { value: Value; show: (value: Value) => string },
): void {
  switch (output) {
    case "json":
      return terminal.print(JSON.stringify(value))
    case "yaml":
      return terminal.print(stringify(value).trimEnd())
    case "table":
      return terminal.print(show(value))
  }
}
