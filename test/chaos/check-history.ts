import type { Client } from "@temporalio/client"
import { expect } from "vitest"
import { temporal } from "@temporalio/proto"
import { Worker } from "@temporalio/worker"
import { toWorkflowId } from "../../src/contract/names.ts"
import { builtWorkflowBundle } from "../../src/worker/bundle.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"

const UNHANDLED_COMMAND =
  temporal.api.enums.v1.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND

/**
 * No activity was scheduled again after it was done, no workflow task failed by a fault of ours, and it replays.
 * @returns when each activity was done, by its id, in milliseconds.
 */
export async function checkHistory(client: Client, id: string): Promise<Map<string, number>> {
  const history = await client.workflow.getHandle(toWorkflowId("default", id)).fetchHistory()
  const { events } = history
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
    if (failed) throw new Error(`${id}: a workflow task failed: ${failed.failure?.message}\n${list(events)}`)
  }
  quietTemporal()
  await Worker.runReplayHistory({ workflowBundle: builtWorkflowBundle() }, history).catch(
    (thrown: unknown) => {
      throw new Error(`${id} does not replay: ${String(thrown)}\n${list(events)}`)
    },
  )
  return doneAt
}

/** Which worker saw what, and when: a failed workflow task tells no more of itself. */
function list(events: readonly temporal.api.history.v1.IHistoryEvent[] | null | undefined): string {
  return (events ?? [])
    .map((event) => {
      const type = Object.keys(event).find((key) => key.endsWith("EventAttributes")) ?? ""
      // One of the names that end so.
      const { activityId, scheduledEventId, identity, signalName, cause } = (event[
        type as keyof typeof event
      ] ?? {}) as Record<string, unknown>
      const what = [activityId, signalName, scheduledEventId, cause, identity].filter(Boolean).join(" ")
      return `${toMs(event.eventTime)} ${String(event.eventId)} ${type.replace("EventAttributes", "")} ${what}`
    })
    .join("\n")
}

function toMs(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + Math.floor((time?.nanos ?? 0) / 1e6)
}
