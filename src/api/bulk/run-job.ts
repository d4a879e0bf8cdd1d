/** Starting the workflow of a bulk job, and telling it what a person wants. */
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from "@temporalio/client"
import {
  BULK_WORKFLOW,
  type BulkCommand,
  type BulkKey,
  type BulkStart,
  type BulkState,
  UPDATE_COMMAND,
} from "../../contract/bulk.ts"
import { TASK_QUEUE } from "../../contract/messages.ts"
import type { BulkJobRow } from "../../store/queries/bulk-job-row.ts"
import { saveBulkState } from "../../store/queries/save-bulk-state.ts"
import { askTemporal } from "../ask-temporal.ts"
import type { ApiServices } from "../dependencies.ts"
import { ApiProblem } from "../problem.ts"

/** Not under a tenant's name, where transactions are: theirs begin with a letter or digit, so no tenant is called so. */
const toBulkWorkflowId = ({ tenant, job_id }: BulkKey): string => `_bulk/${tenant}/${job_id}`

/** Asked twice, it starts once. @throws {ApiProblem} `temporal_unavailable`. */
export async function startBulkJob(services: ApiServices, tenant: string, row: BulkJobRow): Promise<void> {
  const { job_id, velocity, canary, stop_above, settle_ms } = row
  const start: BulkStart = { tenant, job_id, velocity, canary, stop_above, settle_ms }
  try {
    await askTemporal(services.client, () =>
      services.client.workflow.start(BULK_WORKFLOW, {
        workflowId: toBulkWorkflowId(start),
        taskQueue: TASK_QUEUE,
        args: [start],
        workflowIdReusePolicy: "REJECT_DUPLICATE",
        staticSummary: `${row.action} of ${row.pending} by ${row.actor}`.slice(0, 100),
      }),
    )
  } catch (thrown) {
    if (!(thrown instanceof WorkflowExecutionAlreadyStartedError)) throw thrown
  }
}

/** @throws {ApiProblem} `bulk_job_state` when it is in no state for it; `temporal_unavailable`. */
export async function commandBulkJob(
  services: ApiServices,
  { command, ...key }: BulkKey & { command: BulkCommand },
): Promise<void> {
  const handle = services.client.workflow.getHandle(toBulkWorkflowId(key))
  try {
    await askTemporal(services.client, () =>
      handle.executeUpdate<BulkState, [BulkCommand]>(UPDATE_COMMAND, { args: [command] }),
    )
  } catch (thrown) {
    if (thrown instanceof WorkflowUpdateFailedError)
      throw new ApiProblem("bulk_job_state", {
        detail: thrown.cause?.message ?? thrown.message,
        cause: thrown,
      })
    if (!(thrown instanceof WorkflowNotFoundError)) throw thrown
    await settleGone(services, key)
  }
}

/** Temporal has no open workflow of it: it has ended, was never started, or was terminated with Temporal's own tools. */
async function settleGone(services: ApiServices, key: BulkKey): Promise<never> {
  const { client, pool } = services
  const gone = await askTemporal(client, () =>
    client.workflow.getHandle(toBulkWorkflowId(key)).describe(),
  ).then(
    ({ status }) => (status.name === "COMPLETED" ? undefined : status.name.toLowerCase()),
    (thrown: unknown) => {
      if (thrown instanceof WorkflowNotFoundError) return undefined
      throw thrown
    },
  )
  if (gone === undefined) throw new ApiProblem("bulk_job_state", { detail: "The job is not at work." })
  const state_reason = `Its workflow is ${gone}.`
  await saveBulkState(pool, { ...key, state: "cancelled", state_reason })
  throw new ApiProblem("bulk_job_state", { detail: state_reason })
}
