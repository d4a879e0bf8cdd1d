import { toError } from "../contract/errors.ts"

/** The API answered with an error. `error` is its stable word, the message is prose. */
export class ApiError extends Error {
  override readonly name = "ApiError"
  readonly status: number
  /** Such as `transaction_not_found`; empty when the answer did not come from Holdfast. */
  readonly error: string
  readonly requestId: string | undefined

  constructor(status: number, answer: Record<string, unknown> | undefined, text: string) {
    super(describe(status, answer, text))
    this.status = status
    this.error = typeof answer?.error === "string" ? answer.error : ""
    this.requestId = typeof answer?.request_id === "string" ? answer.request_id : undefined
  }
}

/** Nobody answered in time. */
export class Unreachable extends Error {
  override readonly name = "Unreachable"
  /** `not_begun`: no connection came about, so the request did nothing. */
  readonly sending: "not_begun" | "begun"

  constructor(origin: string, cause: unknown) {
    const error = toError(cause)
    // fetch says only "fetch failed"; why is in its cause.
    const reason = toError(error.cause ?? error)
    super(`no answer from ${origin}: ${describeReason(reason)}`, { cause })
    this.sending = listCodes(reason).every((code) => NOT_CONNECTED.includes(code)) ? "not_begun" : "begun"
  }
}

const NOT_CONNECTED = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]

/** A name with several addresses fails with one error for each, and has no message of its own. */
function describeReason(reason: Error): string {
  if (reason instanceof AggregateError) return reason.errors.map((one) => toError(one).message).join("; ")
  return reason.message
}

function listCodes(reason: Error): string[] {
  const errors = reason instanceof AggregateError ? reason.errors.map(toError) : [reason]
  return errors.map((error) => ("code" in error ? String(error.code) : ""))
}

function describe(status: number, answer: Record<string, unknown> | undefined, body: string): string {
  if (typeof answer?.error !== "string") return `answer ${status} is not Holdfast's: ${body.slice(0, 200)}`
  const summary = [answer.detail, answer.title, answer.message].find((text) => typeof text === "string")
  const problems = Array.isArray(answer.errors) ? answer.errors.map(describeProblem) : []
  return [summary ?? `answer ${status}`, ...problems].join("\n")
}

function describeProblem(problem: unknown): string {
  // `Object` makes an object of anything, so that both fields can be asked for.
  const { pointer, detail } = Object(problem) as { pointer?: unknown; detail?: unknown }
  return `  ${typeof pointer === "string" ? pointer : ""} ${typeof detail === "string" ? detail : ""}`
}
