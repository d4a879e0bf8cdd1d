/** What happens when a time has come: the transaction's own limit (`policy.timeout`), the end of the drain. */
import { goBackward, stopDraining } from "./backward.ts"
import { openTransactionException } from "./exceptions.ts"
import { isPivotPassed } from "./pivot.ts"
import type { MachineState, Stop } from "./state.ts"
import { stopAll } from "./stop.ts"
import { setTimer } from "./timer.ts"

const CODE = "deadline_exceeded"

/** A timer that comes early, by a clock that differs, is set again. */
export function takeTimer(state: MachineState, at: number): void {
  if (state.mode === "compensating") {
    if (state.drainUntil !== null && at >= state.drainUntil) stopDraining(state)
    else setTimer(state)
    return
  }
  if (state.deadlineAt === null || state.mode !== "forward") return
  if (at < state.deadlineAt) setTimer(state)
  else endInTime(state, state.deadlineAt)
}

function endInTime(state: MachineState, deadline: number): void {
  const limit = `The transaction was to end by ${new Date(deadline).toISOString()}`
  state.overdue = true
  state.version++
  state.progressed = true
  if (isPivotPassed(state)) {
    openTransactionException(state, "deadline", CODE, `${limit}: it can only go forward.`)
    return
  }
  const message = `${limit}: what had not started was stopped.`
  openTransactionException(state, "deadline", CODE, message)
  const stop: Omit<Stop, "ending"> = {
    reason: "deadline",
    error: { code: CODE, class: "refused", message, task: null },
  }
  if (state.plan.backward === undefined) stopAll(state, { ...stop, ending: "failed" })
  else goBackward(state, stop)
}
