/** The one timer of a run: for whatever comes first. A run that goes on from a snapshot sets it anew. */
import type { Command } from "./commands.ts"
import { firstExpiry } from "./requests.ts"
import type { MachineState } from "./state.ts"

type Timer = Extract<Command, { kind: "timer" }>

export function setTimer(state: MachineState): void {
  const [first, ...others] = timersOf(state)
  if (first === undefined) return
  state.commands.push(others.reduce((soonest, timer) => (timer.at < soonest.at ? timer : soonest), first))
}

function timersOf(state: MachineState): Timer[] {
  const { mode, deadlineAt, drainUntil, overdue } = state
  const timers: Timer[] = []
  // A deadline that has passed is over, whatever became of it.
  if (mode === "forward" && deadlineAt !== null && !overdue)
    timers.push({ kind: "timer", at: deadlineAt, of: "deadline" })
  if (mode === "compensating" && drainUntil !== null)
    timers.push({ kind: "timer", at: drainUntil, of: "drain" })
  const expiry = state.timesRequests ? firstExpiry(state) : undefined
  if (expiry !== undefined) timers.push({ kind: "timer", at: expiry, of: "approval" })
  return timers
}
