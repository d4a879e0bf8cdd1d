import type { BarrierKey } from "../../barrier/enter.ts"
import type { CallRequest } from "../call.ts"

type Caller = Pick<CallRequest, "identity" | "fingerprint" | "undoes">

/** A compensation that meets its task at one barrier enters by the task's row; else it has one of its own, as any call has. */
export function barrierKeyOf({ identity, fingerprint, undoes }: Caller): BarrierKey {
  const { tenant, transaction, task, generation, operation } = identity
  const name = operation === "undo" && undoes === undefined ? `${task}:undo` : task
  return { txn: `${tenant}/${transaction}`, task: name, generation, fingerprint }
}
