import { toError } from "../contract/errors.ts"

/** One line for a person. A connection that fails on every address of a name has no message of its own. */
export function describeError(thrown: unknown): string {
  const error = toError(thrown)
  if (error.message !== "") return error.message
  if (error instanceof AggregateError) return error.errors.map(describeError).join("; ")
  return error.name
}
