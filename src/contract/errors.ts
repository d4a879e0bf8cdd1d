/** Stable error words. Code is API, message is prose. */
import { DECISION_ACTIONS, PROPOSABLE_ACTIONS } from "./statuses.ts"

/** Why the engine refuses a decision. The API answers 409 with this word. */
export const REFUSALS = {
  malformed:
    'A decision is an object such as {"action": "retry", "task": "pay", "reason": "..."}; every member has a type of its own.',
  unknown_action: `Known actions are ${DECISION_ACTIONS.join(", ")}.`,
  unknown_task: "The flow has no task of this name.",
  task_required: "This action needs a task.",
  not_parked: "The task is not parked.",
  nothing_parked: "No task of this transaction is parked.",
  nothing_retryable:
    "No parked task may be retried as it is: ask its target (probe) where the flow says how, attest what happened, or complete it. The exception of each says why, and what is offered.",
  already_executed: "The effect is known to have happened: complete the task with its output instead.",
  unknown_needs_attestation:
    "It is not known whether the effect happened and a repeat is not safe: say attest executed or not_executed.",
  outside_dedup_window:
    "It is not known whether the effect happened, and the target may have forgotten the key since: ask it (probe) where the flow says how, say attest executed or not_executed once that is known, complete the task, or let the transaction turn back.",
  retry_is_safe: "A plain retry is safe here: nothing has to be attested for it.",
  no_probe: "The flow does not say how the target of this task can be asked.",
  outcome_known: "What became of the call is known: there is nothing to ask.",
  attested_executed: "An effect attested as executed is not repeated: complete or skip the task.",
  attestation_contradicts: "The attestation contradicts what is known of the effect.",
  dependants_need_output:
    "A later task reads this task's output without a default: complete it with an output instead.",
  input_required: "This action needs an input.",
  pivot_passed:
    "Something that cannot be undone may have happened: the transaction goes forward only. Retry, complete or skip what is parked.",
  not_compensating: "The task's compensation is not parked.",
  evidence_required: "This action needs evidence: say where it can be looked up.",
  no_deadline: "The transaction has no deadline.",
  extension_invalid: "A deadline is extended by a positive number of milliseconds, ten years at most.",
  stale_version: "The transaction has moved on since the version you saw.",
  ending: "The transaction is ending.",
  ended: "The transaction has ended.",
  decision_too_large: "A decision may hold 16 KiB besides its output, nested 256 levels deep.",
  not_proposable: `Only these wait for a second person: ${PROPOSABLE_ACTIONS.join(", ")}.`,
  request_pending:
    "A decision about this waits for a second person already: approve or reject that one first.",
  too_many_requests: "Too many decisions about this transaction wait for a second person.",
  request_required: "This action needs a request: the id of the decision that waits.",
  unknown_request: "No decision of this id waits, or waited lately, for a second person.",
  own_request: "Whoever asked for a decision does not approve it: that takes a second person.",
  request_approved: "The decision was approved already.",
  request_rejected: "The decision was rejected.",
  request_expired: "Nobody approved the decision in time: it has to be asked for anew.",
  request_superseded: "The transaction has moved on, so that the decision is possible no longer.",
  output_too_large: "The output is larger than a transaction can hold inline.",
} as const
export type Refusal = keyof typeof REFUSALS

/** Turns whatever was thrown into an Error, keeping it as the cause. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })
}

export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`)
}
