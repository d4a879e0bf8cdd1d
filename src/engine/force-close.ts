/**
 * A person ends a transaction as it stands (design 4.6): nothing more is called, and nothing more is undone. What its
 * effects leave behind is said in its error, so that nobody takes it for settled.
 */
import type { Decision } from "../contract/messages.ts"
import { needsUndoing } from "./backward.ts"
import { closeException } from "./exceptions.ts"
import { cutText } from "./size.ts"
import {
  compensationOf,
  type MachineState,
  outcomeOf,
  planTask,
  setCompensation,
  setTransactionStatus,
  type Stop,
  touchTransaction,
} from "./state.ts"
import { stopAll } from "./stop.ts"

const MAX_NAMED_TASKS = 20
const MAX_MESSAGE = 2_000

export function forceClose(state: MachineState, { id, reason }: Decision): void {
  const stop: Stop = {
    ending: "closed",
    reason: "closed",
    error: {
      code: "force_closed",
      class: "refused",
      message: cutText(`A person closed it: ${reason ?? ""} ${describeRest(state)}`, MAX_MESSAGE),
      task: null,
    },
  }
  state.overridden = true
  if (state.mode === "compensating") stopUndoing(state)
  stopAll(state, stop, id)
  // One that was stopping already waits for its calls, and ends as closed.
  state.stop = stop
  for (const position of state.exceptions.keys())
    closeException(state, position, { state: "accepted", by: id })
  touchTransaction(state)
}

/** What is open is asked to stop; what was still to be undone is let be. */
function stopUndoing(state: MachineState): void {
  state.undoReady.clear()
  for (let task = 0; task < state.plan.tasks.length; task++)
    if (isLeft(state, task) && compensationOf(state, task) !== "running")
      setCompensation(state, task, "waived")
  state.mode = "stopping"
  if (state.open === 0) return
  setTransactionStatus(state, "compensating")
  state.commands.push({ kind: "cancel_forward" }, { kind: "cancel_backward" })
}

function describeRest(state: MachineState): string {
  const left = state.plan.tasks.flatMap((_, task) => (isThere(state, task) ? [task] : []))
  if (left.length === 0) return "It leaves no effect behind."
  const named = left
    .slice(0, MAX_NAMED_TASKS)
    .map((task) => `${planTask(state, task).id} (${outcomeOf(state, task)})`)
  const more = left.length - named.length
  return `It leaves behind: ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`
}

/** Its effect is there, or may be; also of one that somebody let be, and of a call that is open still. */
function isThere(state: MachineState, task: number): boolean {
  const isUndone = compensationOf(state, task) === "success" && state.tasks.token[task] === 0
  return !isUndone && needsUndoing(state, task)
}

/** Nobody has taken it back, nor let it be. */
function isLeft(state: MachineState, task: number): boolean {
  const compensation = compensationOf(state, task)
  return compensation !== "success" && compensation !== "waived" && needsUndoing(state, task)
}
