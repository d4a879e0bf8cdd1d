import { isEndStatus } from "../contract/statuses.ts"
import type { Transaction } from "../sdk/shapes.ts"
import { EXIT } from "./exit-codes.ts"
import type { ExitCode } from "./exit-codes.ts"

/** Nothing changes any more unless a person does something. */
export function hasSettled({ status }: Transaction): boolean {
  return status === "blocked" || isEndStatus(status)
}

export function judge(transaction: Transaction): ExitCode {
  if (!hasSettled(transaction)) return EXIT.timeout
  return transaction.status === "success" ? EXIT.ok : EXIT.failed
}
