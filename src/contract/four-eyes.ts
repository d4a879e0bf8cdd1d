/** Which decisions need a second person where somebody asks for that. */
import { type DecisionAction, isProposable, PROPOSABLE_ACTIONS, type ProposableAction } from "./statuses.ts"

/** What a setting may name. A plain `retry` repeats what is safe to repeat, and routes without a body lead to it. */
export const FOUR_EYES_ACTIONS = PROPOSABLE_ACTIONS.filter((action) => action !== "retry")

/** Those that rest on a person's word about what happened outside, and leave nothing to check it with. */
export const DEFAULT_FOUR_EYES = [
  "retry_unsafe",
  "mark_compensated",
  "waive_compensation",
  "force_close",
] as const satisfies readonly ProposableAction[]

interface Asked {
  action: DecisionAction
  attest?: string | undefined
  executed_externally?: boolean | undefined
}

/**
 * With `retry_unsafe` listed, the word that something did not happen needs a second person under any name: a task that
 * was failed with it is repeated by a plain retry, and one that was skipped or completed with it is never undone.
 */
export function needsSecondPerson(
  { action, attest, executed_externally }: Asked,
  listed: readonly ProposableAction[],
): boolean {
  if ((listed as readonly string[]).includes(action)) return true
  const isDenied = attest === "not_executed" || executed_externally === false
  return isDenied && isProposable(action) && listed.includes("retry_unsafe")
}
