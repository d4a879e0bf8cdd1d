/**
 * What a consumer answers. The header `x-holdfast-result` says how it went: `done` or nothing, `rejected`, or
 * `ongoing` while it still works (transactions reference, 6.4). The body is the output: JSON, else text, null when
 * it is empty; numbers that a double does not hold are the text that came.
 */
import { toError } from "../../contract/errors.ts"
import { parseExactJson } from "../../expression/exact-json.ts"
import type { Evidence, Verdict } from "../call.ts"
import { MAX_REPLY_BYTES } from "../outbound/http-client.ts"
import type { Reply } from "./driver.ts"

export const RESULT_HEADER = "x-holdfast-result"

export function toReplyVerdict(reply: Reply, sent: Evidence): Verdict {
  const bytesReceived = reply.body.byteLength
  const result = reply.headers[RESULT_HEADER]?.toLowerCase() ?? "done"
  const body = bytesReceived > MAX_REPLY_BYTES ? undefined : parse(reply)
  const evidence = {
    ...sent,
    response: { headers: reply.headers, body: body?.value ?? null },
    bytesReceived,
  }
  switch (result) {
    case "rejected":
      return { class: "refused", code: "reply_rejected", message: "the consumer refused", evidence }
    case "ongoing":
      return { class: "ongoing", code: "reply_ongoing", message: "the consumer still works on it", evidence }
    case "done":
      break
    default: {
      const message = `the reply's ${RESULT_HEADER} is ${JSON.stringify(result)}: expected done, rejected or ongoing`
      return { class: "unknown", code: "response_unreadable", message, evidence }
    }
  }
  if (body === undefined) {
    const message = "the reply is larger than 5 MB; it was a success"
    return { class: "misconfigured", code: "response_too_large", message, left: "executed", evidence }
  }
  if (body.error !== undefined) {
    const message = `a success whose result is lost: its JSON is broken: ${body.error.message}`
    return { class: "unknown", code: "response_unreadable", message, evidence }
  }
  return { class: "done", output: body.value, evidence }
}

function parse({ body, contentType }: Reply): { value: unknown; error?: Error } {
  const text = new TextDecoder().decode(body)
  if (text.trim() === "") return { value: null }
  try {
    return { value: parseExactJson(text) }
  } catch (thrown) {
    const declared = /^[^;]*[/+]json\s*(?:;|$)/i.test(contentType ?? "")
    return declared ? { value: text, error: toError(thrown) } : { value: text }
  }
}
