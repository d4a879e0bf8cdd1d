export type BarrierErrorCode =
  /** Another request was carried out under this key. Nothing was changed. */
  | "key_reused"
  /** The task was undone before this call came: it must not run any more. Nothing was changed. */
  | "rejected_after_compensation"
  /** The answer to COMMIT is missing, and the barrier could not be asked: nobody knows. The same call finds out. */
  | "outcome_unknown"
  /** The table is missing, or may not be created. */
  | "barrier_missing"
  /** The headers, or the call made of them, are none of Holdfast's. Nothing was changed. */
  | "call_invalid"
  /** The result is no JSON, or more than 1 MiB of it. Nothing was changed. */
  | "result_invalid"
  /** The callback ended the barrier's transaction, or went on after a statement of it had failed. */
  | "transaction_ended"

/** What the barrier itself has to say. Errors of the callback are thrown as they are. */
export class BarrierError extends Error {
  override readonly name = "BarrierError"
  readonly code: BarrierErrorCode

  constructor(code: BarrierErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
