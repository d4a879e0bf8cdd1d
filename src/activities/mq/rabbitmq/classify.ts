/**
 * What RabbitMQ's reply codes say of a publish. Normative: transactions reference 6.4. The client library names the
 * codes of AMQP 0-9-1; here they are numbers, as in the broker's log.
 */
import type { FailureClass } from "../../../contract/statuses.ts"

const REPLY_CODES: Record<string, number> = {
  CONTENT_TOO_LARGE: 311,
  NO_ROUTE: 312,
  NO_CONSUMERS: 313,
  CONNECTION_FORCED: 320,
  INVALID_PATH: 402,
  ACCESS_REFUSED: 403,
  NOT_FOUND: 404,
  RESOURCE_LOCKED: 405,
  PRECONDITION_FAILED: 406,
  FRAME_ERROR: 501,
  SYNTAX_ERROR: 502,
  COMMAND_INVALID: 503,
  CHANNEL_ERROR: 504,
  UNEXPECTED_FRAME: 505,
  RESOURCE_ERROR: 506,
  NOT_ALLOWED: 530,
  NOT_IMPLEMENTED: 540,
  INTERNAL_ERROR: 541,
}

/** The broker's number in an error of the client library; undefined when the broker said none. */
export function replyCodeOf(error: Error): number | undefined {
  const code = "code" in error ? error.code : undefined
  if (typeof code !== "string") return undefined
  if (/^\d{3}$/.test(code)) return Number(code)
  return Object.hasOwn(REPLY_CODES, code) ? REPLY_CODES[code] : undefined
}

/** Of a channel that the broker closed over the one message that was on it. */
export function classifyChannelClose(replyCode: number): FailureClass {
  switch (replyCode) {
    case 311: // The message is too large
    case 403: // No permission to write to the exchange or with this routing key
    case 404: // No such exchange
    case 406: // The message breaks a rule of the broker, such as its size
      return "misconfigured"
    default:
      return "unknown"
  }
}

/** Of a connection that the broker refused while it was opened: nothing was published. */
export function classifyConnectionClose(replyCode: number): "misconfigured" | "not_executed" {
  switch (replyCode) {
    case 402: // Such a virtual host cannot be
    case 403: // Wrong user or password
    case 404: // No such virtual host
    case 530: // The user may not use the virtual host
    case 540: // Not implemented
      return "misconfigured"
    default:
      return "not_executed"
  }
}
