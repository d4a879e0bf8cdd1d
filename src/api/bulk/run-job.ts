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
  STATE_AFTER,
  UPDATE_COMMAND,
} from "../../contract/bulk.ts"
import { TASK_QUEUE } from "../../contract/messages.ts"
import type { BulkJobRow } from "../../store/queries/bulk-job-row.ts"
import { cancelBulkPreview } from "../../store/queries/cancel-bulk-preview.ts"
import { saveBulkState } from "../../store/queries/save-bulk-state.ts"
import { askTemporal } from "../ask-temporal.ts"
import type { ApiServices } from "../dependencies.ts"
import { ApiProblem } from "../problem.ts"
import { getBulkJob } from "./job-view.ts"

/** Not under a tenant's name, where transactions are: theirs begin with a letter or digit, so no tenant is called so. */
const toBulkWorkflowId = ({ tenant, job_id }: BulkKey): string => `_bulk/${tenant}/${job_id}`

/** Asked twice, it starts once. @throws {ApiProblem} `bulk_job_state` when it is over, `temporal_unavailable`. */
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
    if ((await readStatus(services, start)) !== "RUNNING") throw await settleGone(services, start)
  }
}

/** @throws {ApiProblem} `bulk_job_state` when it is in no state for it; `temporal_unavailable`. */
export async function commandBulkJob(
  services: ApiServices,
  { command, state, ...key }: BulkKey & { command: BulkCommand; state: BulkState },
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
    if (state === STATE_AFTER[command]) return
    if (state !== "preview" || command !== "cancel" || (await readStatus(services, key)) !== undefined)
      throw await settleGone(services, key)
    if (await cancelBulkPreview(services.pool, key)) return
    // Somebody was faster: it was started, and its workflow is told, or it was cancelled.
    const now = await getBulkJob(services, key)
    await commandBulkJob(services, { ...key, command, state: now.state })
  }
}

/** Temporal has no open workflow of it: it has ended, was never started, or was ended with Temporal's own tools. */
async function settleGone(services: ApiServices, key: BulkKey): Promise<ApiProblem> {
  const status = await readStatus(services, key)
  if (status === undefined || status === "COMPLETED")
    return new ApiProblem("bulk_job_state", { detail: "The job is not at work." })
  if (status === "RUNNING")
    return new ApiProblem("bulk_job_state", { detail: "The job is just starting: ask again." })
  const state_reason = `Its workflow is ${status.toLowerCase()}.`
  await saveBulkState(services.pool, { ...key, state: "cancelled", state_reason })
  return new ApiProblem("bulk_job_state", { detail: state_reason })
}

/** Of its workflow; undefined where there is none. */
function readStatus({ client }: ApiServices, key: BulkKey): Promise<string | undefined> {
  return askTemporal(client, () => client.workflow.getHandle(toBulkWorkflowId(key)).describe()).then(
    ({ status }) => status.name,
    (thrown: unknown) => {
      if (thrown instanceof WorkflowNotFoundError) return undefined
      throw thrown
    },
  )
}
