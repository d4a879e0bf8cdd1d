import { Option } from "commander"

export function outputOption(): Option {
  return new Option("-o, --output <format>", "how results are printed")
    .choices(["table", "json"])
    .default("table")
}
