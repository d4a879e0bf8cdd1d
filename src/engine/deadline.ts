/**
 * What happens when a time has come: the transaction's own limit (`policy.timeout`), the end of the drain, of the
 * wait for a second person.
 */
import { goBackward, stopDraining } from "./backward.ts"
import type { TimerPurpose } from "./commands.ts"
import { openTransactionException } from "./exceptions.ts"
import { isPivotPassed } from "./pivot.ts"
import { dropExpired } from "./requests.ts"
import type { MachineState, Stop } from "./state.ts"
import { stopAll } from "./stop.ts"
import { setTimer } from "./timer.ts"

const CODE = "deadline_exceeded"

export function takeTimer(state: MachineState, timer: { of: TimerPurpose; at: number }): void {
  if (timer.of === "drain" && state.mode === "compensating") stopDraining(state)
  if (timer.of === "deadline") takeDeadline(state, timer.at)
  dropExpired(state)
  // There is one timer: this one may have stood before another.
  if (timer.of === "approval" || (state.timesRequests && state.requests.size > 0)) state.timerWanted = true
}

/** A deadline that comes early, by a clock that differs, is set again. */
function takeDeadline(state: MachineState, at: number): void {
  if (state.deadlineAt === null || state.mode !== "forward" || state.overdue) return
  if (at < state.deadlineAt) setTimer(state)
  else endInTime(state, state.deadlineAt)
}

function endInTime(state: MachineState, deadline: number): void {
  const message = isPivotPassed(state)
    ? `The transaction was to end by ${toTime(deadline)}: it can only go forward.`
    : stoppedBy(deadline)
  state.overdue = true
  state.version++
  state.progressed = true
  openTransactionException(state, "deadline", CODE, message)
  if (!isPivotPassed(state)) stopOverdue(state)
}

/** The deadline has passed, and nothing holds the transaction to its way forward (any longer). */
export function stopOverdue(state: MachineState): void {
  const message = stoppedBy(state.deadlineAt ?? state.now)
  const stop: Omit<Stop, "ending"> = {
    reason: "deadline",
    error: { code: CODE, class: "refused", message, task: null },
  }
  if (state.plan.backward === undefined) stopAll(state, { ...stop, ending: "failed" })
  else goBackward(state, stop)
}

function stoppedBy(deadline: number): string {
  return `The transaction was to end by ${toTime(deadline)}: what had not started was stopped.`
}

function toTime(at: number): string {
  return new Date(at).toISOString()
}
