/** Who is calling, read from the ids that Temporal carries (`contract/names.ts`). */
import type { CallInput } from "../contract/activities.ts"
import { type Operation, parseActivityId, parseWorkflowId } from "../contract/names.ts"

export interface CallIdentity {
  tenant: string
  /** The caller's `instance_id`. */
  transaction: string
  /** Task path. */
  task: string
  generation: number
  operation: Operation
  attempt: number
}

export interface CallIds {
  readonly workflowExecution?: { readonly workflowId: string }
  readonly activityId: string
  readonly attempt: number
}

/**
 * `undefined` when the ids are none of ours. A shortened id has lost its end: then `input.transaction` says
 * the instance id, and `input.path` the activity's name in full, generation and operation included.
 */
export function identifyCall(
  ids: CallIds,
  input: Pick<CallInput, "transaction" | "path">,
): CallIdentity | undefined {
  const workflow = parseWorkflowId(ids.workflowExecution?.workflowId ?? "")
  const activity = parseActivityId(input.path ?? ids.activityId)
  if (!workflow || activity.path === "") return undefined
  return {
    tenant: workflow.tenant,
    transaction: input.transaction ?? workflow.transaction,
    task: activity.path,
    generation: activity.generation,
    operation: activity.operation,
    attempt: ids.attempt,
  }
}
