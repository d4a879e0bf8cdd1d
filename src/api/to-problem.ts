/** Sorts whatever was thrown below a route into a problem the caller may see. */
import { HTTPException } from "hono/http-exception"
import { ApiProblem } from "./problem.ts"

export function toApiProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (error instanceof HTTPException) return fromHono(error)
  if (isDatabaseAway(error)) {
    return new ApiProblem("database_unavailable", { headers: { "retry-after": "2" }, cause: error })
  }
  return new ApiProblem("internal", {
    detail: "Something went wrong on our side. The request id finds it in our logs.",
    cause: error,
  })
}

/** The contract's validators throw these; their messages are not ours and are not passed on. */
function fromHono(error: HTTPException): ApiProblem {
  if (error.status === 415) return new ApiProblem("unsupported_media_type", { cause: error })
  if (error.status === 413) return new ApiProblem("body_too_large", { cause: error })
  if (error.status < 500) return new ApiProblem("request_invalid", { cause: error })
  return new ApiProblem("internal", { cause: error })
}

/** Errors of the socket, and SQLSTATEs that say the server is going, coming, full or too slow to answer. */
const AWAY_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "57014",
  "57P01",
  "57P02",
  "57P03",
  "53300",
])
/** `pg` and `pg-pool` give these no code. */
const AWAY_MESSAGES = [
  "Connection terminated",
  "timeout exceeded when trying to connect",
  "Client has encountered a connection error",
  "Client was closed",
  "Query read timeout",
]

function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isDatabaseAway)
  const code = "code" in error ? String(error.code) : ""
  if (AWAY_CODES.has(code) || /^08[0-9A-Z]{3}$/.test(code)) return true
  return AWAY_MESSAGES.some((start) => error.message.startsWith(start))
}
