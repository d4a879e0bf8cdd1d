/**
 * The pivot (design 4.4): once something that cannot be undone may have happened, the transaction goes forward only.
 * Failures park, a cancel is refused, a deadline only raises an exception. Flows that never go backward have none.
 */
import { type MachineState, mayHaveHappened, outcomeOf, planTask } from "./state.ts"

export function isPivotPassed(state: MachineState): boolean {
  return state.plan.backward !== undefined && state.passed > 0
}

/** Whether it would be, if a task's effect were known. */
export function isPivotPassedWith(state: MachineState, task: number, hasHappened: boolean): boolean {
  if (planTask(state, task).irreversible !== true) return isPivotPassed(state)
  const others = state.passed - Number(mayHaveHappened(outcomeOf(state, task)))
  return state.plan.backward !== undefined && (hasHappened || others > 0)
}
