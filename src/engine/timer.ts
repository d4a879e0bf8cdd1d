/** The one timer of a run: for whatever comes first. A run that goes on from a snapshot sets it anew. */
import type { TimerPurpose } from "./commands.ts"
import { firstExpiry } from "./requests.ts"
import type { MachineState } from "./state.ts"

export function setTimer(state: MachineState): void {
  state.timerWanted = false
  const [first, ...others] = timesOf(state)
  if (first === undefined) return
  const next = others.reduce((soonest, time) => (time.at < soonest.at ? time : soonest), first)
  state.commands.push({ kind: "timer", ...next })
}

function timesOf(state: MachineState): { at: number; of: TimerPurpose }[] {
  const { mode, deadlineAt, drainUntil, overdue } = state
  if (mode !== "forward" && mode !== "compensating") return []
  const times: { at: number; of: TimerPurpose }[] = []
  // A deadline that has passed is over, whatever became of it.
  if (mode === "forward" && deadlineAt !== null && !overdue) times.push({ at: deadlineAt, of: "deadline" })
  if (mode === "compensating" && drainUntil !== null) times.push({ at: drainUntil, of: "drain" })
  for (const { escalates_at: at } of state.exceptions.values())
    if (at !== undefined) times.push({ at, of: "escalation" })
  const expiry = state.timesRequests ? firstExpiry(state) : undefined
  if (expiry !== undefined) times.push({ at: expiry, of: "approval" })
  return times
}
