/** What NATS and JetStream say of a publish. Normative: transactions reference 6.4; numbers: nats-server's errors.json. */
import type { FailureClass } from "../../../contract/statuses.ts"

/** Of a message that JetStream answered with an error, by its `err_code`. */
export function classifyJetStream(errCode: number, description: string): FailureClass {
  switch (errCode) {
    case 10_039: // JetStream not enabled for the account
    case 10_076: // JetStream not enabled
    case 10_054: // Message larger than the stream allows
    case 10_059: // Stream not found
    case 10_060: // The stream that the connection expects does not hold the subject
    case 10_070: // A header's value is wrong
      return "misconfigured"
    case 10_002: // The account's resources are exceeded
    case 10_008: // JetStream is temporarily unavailable
    case 10_009: // Not the cluster's leader
    case 10_023: // Insufficient resources
    case 10_028: // The server's memory is exceeded
    case 10_047: // The server's storage is exceeded
      return "not_executed"
    case 10_077: // The store failed
      return STREAM_LIMITS.has(description) ? "not_executed" : "unknown"
    default:
      return "unknown"
  }
}

/**
 * The server has one number for all failures of its store and these constants for the limits, which are checked
 * before anything is stored. A server that words them otherwise leaves the outcome unknown.
 */
const STREAM_LIMITS = new Set([
  "maximum messages exceeded",
  "maximum bytes exceeded",
  "maximum messages per subject exceeded",
])
