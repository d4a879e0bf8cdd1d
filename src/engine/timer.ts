/** The one timer of a run: for whatever comes first. A run that goes on from a snapshot sets it anew. */
import type { MachineState } from "./state.ts"

export function setTimer(state: MachineState): void {
  const { mode, deadlineAt, drainUntil, overdue } = state
  // A deadline that has passed is over, whatever became of it.
  if (mode === "forward" && deadlineAt !== null && !overdue)
    state.commands.push({ kind: "timer", at: deadlineAt, of: "deadline" })
  if (mode === "compensating" && drainUntil !== null)
    state.commands.push({ kind: "timer", at: drainUntil, of: "drain" })
}
