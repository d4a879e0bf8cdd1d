import { Option } from "commander"
import { UsageError } from "./exit-codes.ts"

export function limitOption(): Option {
  return new Option("--limit <number>", "at most so many, 1 to 200").default("20")
}

/** @throws UsageError */
export function readLimit(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= 200) return limit
  throw new UsageError(`--limit takes 1 to 200, not "${text}"`)
}
