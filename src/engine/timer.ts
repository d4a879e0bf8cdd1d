/** The one timer of a run: for whatever comes first. A run that goes on from a snapshot sets it anew. */
import type { MachineState } from "./state.ts"

export function setTimer(state: MachineState): void {
  const at = nextOf(state)
  if (at !== undefined) state.commands.push({ kind: "timer", at })
}

function nextOf({ mode, deadlineAt, drainUntil }: MachineState): number | undefined {
  if (mode === "forward") return deadlineAt ?? undefined
  return mode === "compensating" ? (drainUntil ?? undefined) : undefined
}
