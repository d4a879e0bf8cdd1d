/** The transaction's own time limit (`policy.timeout`). A run that goes on from a snapshot sets its timer anew. */
import { openTransactionException } from "./exceptions.ts"
import type { MachineState } from "./state.ts"
import { stopAll } from "./stop.ts"

const CODE = "deadline_exceeded"

export function setTimer(state: MachineState): void {
  if (state.deadlineAt !== null && state.mode === "forward")
    state.commands.push({ kind: "timer", at: state.deadlineAt })
}

/** A timer that comes early, by a clock that differs, is set again. */
export function takeTimer(state: MachineState, at: number): void {
  if (state.deadlineAt === null || state.mode !== "forward") return
  if (at < state.deadlineAt) {
    setTimer(state)
    return
  }
  const message = `The transaction was to end by ${new Date(state.deadlineAt).toISOString()}: what had not started was stopped.`
  state.overdue = true
  state.version++
  state.progressed = true
  openTransactionException(state, "deadline", CODE, message)
  stopAll(state, {
    ending: "failed",
    reason: "deadline",
    error: { code: CODE, class: "refused", message, task: null },
  })
}
