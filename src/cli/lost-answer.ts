import { ApiError, Unreachable } from "../sdk/errors.ts"

/** A refusal says that nothing was done, an answer that is lost or speaks of a server's own trouble does not. */
export function mayHaveHappened(thrown: unknown): boolean {
  if (thrown instanceof Unreachable) return thrown.sending === "begun"
  return !(thrown instanceof ApiError) || thrown.status >= 500
}
