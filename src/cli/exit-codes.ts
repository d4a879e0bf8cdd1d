import { ApiError } from "../sdk/errors.ts"

/** What scripts can rely on. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, auth: 4, timeout: 124 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The command line was understood but cannot be carried out as written. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

export function toExitCode(thrown: unknown): ExitCode {
  if (thrown instanceof UsageError) return EXIT.usage
  if (!(thrown instanceof ApiError)) return EXIT.failed
  // Other 404s come from a wrong address, and say nothing about the transaction that was asked for.
  if (thrown.error.endsWith("_not_found") && thrown.error !== "route_not_found") return EXIT.notFound
  return thrown.status === 401 || thrown.status === 403 ? EXIT.auth : EXIT.failed
}
