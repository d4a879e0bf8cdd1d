import type { Client } from "@temporalio/client"
import { expect } from "vitest"
import { temporal } from "@temporalio/proto"
import { toWorkflowId } from "../../src/contract/names.ts"

const UNHANDLED_COMMAND =
  temporal.api.enums.v1.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND

/**
 * No activity was scheduled again after it was done, and no workflow task failed by a fault of ours.
 * @returns when each activity was done, by its id, in milliseconds.
 */
export async function checkHistory(client: Client, id: string): Promise<Map<string, number>> {
  const { events } = await client.workflow.getHandle(toWorkflowId("default", id)).fetchHistory()
  const scheduledAs = new Map<string, string>()
  const doneAt = new Map<string, number>()
  for (const event of events ?? []) {
    const scheduled = event.activityTaskScheduledEventAttributes
    if (scheduled?.activityId) {
      const again = `${id}: ${scheduled.activityId} was scheduled again after it was done`
      expect(doneAt.has(scheduled.activityId), again).toBe(false)
      scheduledAs.set(String(event.eventId), scheduled.activityId)
    }
    const done = event.activityTaskCompletedEventAttributes
    if (done) doneAt.set(scheduledAs.get(String(done.scheduledEventId)) ?? "", toMs(event.eventTime))
    const failed = event.workflowTaskFailedEventAttributes
    // A message that came while the run was closing: Temporal hands out the task anew, with the message.
    if (failed?.cause === UNHANDLED_COMMAND) continue
    expect(failed?.failure?.message, `${id}: a workflow task failed`).toBeUndefined()
  }
  return doneAt
}

function toMs(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + Math.floor((time?.nanos ?? 0) / 1e6)
}
