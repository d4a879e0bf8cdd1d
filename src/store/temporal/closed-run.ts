import type { WorkflowExecutionInfo, WorkflowExecutionStatusName } from "@temporalio/client"
import type { EndStatus } from "../../contract/statuses.ts"
import { toSeq } from "../mirror/order.ts"
import type { ClosedRun } from "../queries/confirm-ends.ts"

/**
 * The third event from a run's end starts its last activation, when nothing comes between (the workflow task's
 * completion and the close follow). A row that is as new as that is the run's last word; any other is compared.
 */
export const EVENTS_AFTER_LAST_ACTIVATION = 2

/** Design page "architecture", close status. The other ones are nobody's word: those runs were lost. */
const STATUSES_OF_CLOSE: Partial<Record<WorkflowExecutionStatusName, EndStatus[]>> = {
  COMPLETED: ["success"],
  FAILED: ["failed", "compensated", "closed", "cancelled"],
  CANCELLED: ["cancelled"],
}

/** What `confirmEnds` compares a row with; `undefined` for a run that is open, or did not end by itself. */
export function toClosedRun({
  workflowId,
  runId,
  status,
  historyLength,
}: Pick<WorkflowExecutionInfo, "workflowId" | "runId" | "status" | "historyLength">): ClosedRun | undefined {
  const statuses = STATUSES_OF_CLOSE[status.name]
  if (!statuses) return undefined
  const least = toSeq(historyLength - EVENTS_AFTER_LAST_ACTIVATION, 0)
  return { workflow_id: workflowId, run_id: runId, statuses, least_seq: least }
}
