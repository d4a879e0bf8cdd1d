/** What helps where a call went wrong: by the engine when it stops, by the API as long as a person may come. */
import type { Outcome } from "./statuses.ts"

/**
 * @param safe a plain retry changes nothing twice.
 * @param canBeAsked the flow says how its target is asked what became of a call.
 */
export function suggestedActions(
  { safe }: { safe: boolean },
  outcome: Outcome,
  canBeAsked: boolean,
): string[] {
  if (safe) return ["retry", "complete", "skip"]
  if (outcome === "executed") return ["complete"]
  return [
    ...(canBeAsked && outcome === "unknown" ? ["probe"] : []),
    "complete with attest executed",
    "retry with attest not_executed",
    "skip with attest",
  ]
}
