/** A task's one line in Temporal's UI. */
import { utf8ToBytes } from "@noble/hashes/utils.js"
import { FLOW_LIMITS } from "./limits.ts"

/** Cut to the limit in UTF-8 bytes, never inside a character. Undefined when nothing is left. */
export function toSummary(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined
  let summary = ""
  let bytes = 0
  for (const character of text) {
    bytes += utf8ToBytes(character).length
    if (bytes > FLOW_LIMITS.summaryBytes) break
    summary += character
  }
  return summary
}
