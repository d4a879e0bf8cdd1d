/** What a gRPC status says of a call that was begun. Normative table: transactions reference, 6.3. */
import type { Profile } from "../../contract/connections.ts"
import type { Failed } from "../call.ts"

/** By number; grpc's own names. */
const NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const
export type GrpcStatus = (typeof NAMES)[number]

/** `UNKNOWN` for a number that gRPC does not have. */
export function grpcStatusOf(code: number): GrpcStatus {
  return NAMES[code] ?? "UNKNOWN"
}

export interface GrpcSignal {
  status: Exclude<GrpcStatus, "OK">
  profile: Profile
  /** The server said when to come back, so it refused before it began. */
  hasPushback: boolean
}

/**
 * `UNAVAILABLE` is unknown here: the same code stands for "never connected" and for a connection that dropped
 * after the work was done. A channel that never became ready is judged before, without a call.
 */
export function classifyGrpc({ status, profile, hasPushback }: GrpcSignal): Failed["class"] {
  switch (status) {
    case "FAILED_PRECONDITION":
      return profile === "dtm" ? "ongoing" : "refused"
    case "ABORTED":
      return profile === "dtm" ? "refused" : "not_executed"
    case "INVALID_ARGUMENT":
    case "OUT_OF_RANGE":
    case "NOT_FOUND":
    case "ALREADY_EXISTS":
      return "refused"
    case "RESOURCE_EXHAUSTED":
      return hasPushback ? "not_executed" : "unknown"
    case "UNIMPLEMENTED":
    case "UNAUTHENTICATED":
    case "PERMISSION_DENIED":
      return "misconfigured"
    case "UNAVAILABLE":
    case "DEADLINE_EXCEEDED":
    case "CANCELLED":
    case "UNKNOWN":
    case "INTERNAL":
    case "DATA_LOSS":
      return "unknown"
  }
}
