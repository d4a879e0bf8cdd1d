/** A call of Holdfast's, as its participant knows it. */
import { DEFAULT_TENANT } from "../contract/messages.ts"
import { BarrierError } from "./barrier-error.ts"
import type { BarrierKey } from "./enter.ts"

export interface BarrierCall {
  /** Unless said, `default`: the tenant of whoever has only one. */
  tenant?: string
  /** The transaction's `instance_id`. */
  transaction: string
  /** Task path. That of the do, also in a call that undoes it. */
  task: string
  /** From 1. */
  generation: number
  /** Where it is said, it is held against what is done with the call. */
  operation?: "do" | "undo"
  /** The same for the same request, and at most 64 characters: the sha256 of what is asked for, in hex. */
  fingerprint: string
}

/** An entry of an index in Postgres has 2,704 bytes at most. */
const MAX_KEY_BYTES = 2_500
const MAX_FINGERPRINT = 64

/** Throws `BarrierError` (`call_invalid`). */
export function toBarrierKey(call: BarrierCall, operation: "do" | "undo"): BarrierKey {
  const { tenant = DEFAULT_TENANT, transaction, task, generation, fingerprint } = call
  if (call.operation !== undefined && call.operation !== operation)
    throw invalid(
      `the call's operation is ${call.operation}, and it is taken for ${operation}: give it to barrier.${call.operation}`,
    )
  for (const [field, value] of Object.entries({ tenant, transaction, task, fingerprint }))
    checkName(field, value)
  if (!Number.isInteger(generation) || generation < 1)
    throw invalid(`generation is ${String(generation)}: expected a number from 1`)
  if (fingerprint.length > MAX_FINGERPRINT)
    throw invalid(
      `fingerprint is ${JSON.stringify(fingerprint)}: expected at most ${MAX_FINGERPRINT} characters`,
    )
  const txn = `${tenant}/${transaction}`
  if (Buffer.byteLength(txn + task) > MAX_KEY_BYTES)
    throw invalid(`tenant, transaction and task are longer than ${MAX_KEY_BYTES} bytes together`)
  return { txn, task, generation, fingerprint }
}

/** Callers without types give what they have. */
function checkName(field: string, value: unknown): void {
  if (typeof value !== "string" || value === "")
    throw invalid(`${field} is ${JSON.stringify(value)}: expected text`)
  if (value.includes("\0")) throw invalid(`${field} holds a NUL character, which no column takes`)
}

export function invalid(message: string, options?: ErrorOptions): BarrierError {
  return new BarrierError("call_invalid", message, options)
}
