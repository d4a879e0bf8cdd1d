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
  // A retry is safe where the target knows the key; to go on without one takes an outcome that somebody knows.
  if (safe && outcome !== "unknown") return ["retry", "complete", "skip"]
  if (outcome === "executed") return ["complete"]
  return [
    ...(safe ? ["retry"] : []),
    ...(canBeAsked && outcome === "unknown" ? ["probe"] : []),
    "complete with attest executed",
    ...(safe ? [] : ["retry with attest not_executed"]),
    "skip with attest",
  ]
}
