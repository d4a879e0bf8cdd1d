/**
 * The pivot (design 4.4): once something that cannot be undone may have happened, the transaction goes forward only.
 * Failures park, a cancel is refused, a deadline only raises an exception. Flows that never go backward have none.
 */
import type { MachineState } from "./state.ts"

export function isPivotPassed(state: MachineState): boolean {
  return state.plan.backward !== undefined && state.passed > 0
}
