/**
 * The way out that is not the flow's own end: nothing new starts, what runs is asked to stop and awaited. The
 * first reason to stop is the one that counts.
 */
import { closeException, reopenException } from "./exceptions.ts"
import {
  type MachineState,
  outcomeOf,
  setStatus,
  setTransactionStatus,
  stampEnd,
  statusOf,
  type Stop,
  touchTransaction,
} from "./state.ts"

/** @param by the decision, where a person made it. */
export function stopAll(state: MachineState, stop: Stop, by: string | null = null): void {
  if (state.mode !== "forward") return
  state.mode = "stopping"
  state.stop = stop
  touchTransaction(state)
  state.ready.clear()
  for (let task = 0; task < state.plan.tasks.length; task++) {
    const status = statusOf(state, task)
    if (status !== "pending" && status !== "parked") continue
    setStatus(state, task, "cancelled")
    state.tasks.asking[task] = 0
    state.tasks.reason[task] = stop.reason
    stampEnd(state, task)
    // An unknown effect stays on record as open: the transaction ends, the question does not.
    if (outcomeOf(state, task) === "unknown") reopenException(state, task)
    else closeException(state, task, { state: "superseded", by })
  }
  if (state.open === 0) return
  setTransactionStatus(state, "running")
  state.commands.push({ kind: "cancel_forward" })
}
