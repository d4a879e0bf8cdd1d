import { isGrpcServiceError } from "@temporalio/client"

const CANCELLED = 1
const DEADLINE_EXCEEDED = 4
const RESOURCE_EXHAUSTED = 8
const UNAVAILABLE = 14

/** The gRPC status of an error, or of what caused it. */
export function findGrpcCode(thrown: unknown): number | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if (isGrpcServiceError(error)) return error.code
  return undefined
}

/** Temporal could not be asked, now: nothing is wrong with the question. */
export function isTemporalAway(thrown: unknown): boolean {
  const code = findGrpcCode(thrown)
  return (
    code === CANCELLED || code === DEADLINE_EXCEEDED || code === RESOURCE_EXHAUSTED || code === UNAVAILABLE
  )
}
