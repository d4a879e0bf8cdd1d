/** A task's one line in Temporal's UI. */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { FLOW_LIMITS } from "./limits.ts"

/** What a UTF-16 unit takes in UTF-8, at most. */
const MAX_UNIT_BYTES = 3

/** Cut to the limit in UTF-8 bytes, never inside a character. Undefined when nothing is left. */
export function toSummary(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined
  if (text.length * MAX_UNIT_BYTES <= FLOW_LIMITS.summaryBytes) return text
  let summary = ""
  let bytes = 0
  for (const character of text) {
    bytes += utf8ToBytes(character).length
    if (bytes > FLOW_LIMITS.summaryBytes) break
    summary += character
  }
  return summary
}
