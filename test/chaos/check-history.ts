import type { Client } from "@temporalio/client"
import { expect } from "vitest"
import { temporal } from "@temporalio/proto"
import { Worker } from "@temporalio/worker"
import type { Decision } from "../../src/contract/messages.ts"
import { toWorkflowId } from "../../src/contract/names.ts"
import { builtWorkflowBundle } from "../../src/worker/bundle.ts"
import { type History, readRuns } from "../../src/worker/rebuild/read-runs.ts"
import { payloadConverter } from "../../src/workflows/payload-converter.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"

const UNHANDLED_COMMAND =
  temporal.api.enums.v1.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND

/** One call of a task or of its compensation, as Temporal has it. Positions count events over all runs. */
interface Call {
  firstScheduled: number
  done?: number
  /** In milliseconds. */
  doneAt?: number
}

export interface Story {
  /** In milliseconds. */
  startedAt: number
  endedAt: number
  /** By the activity's id. */
  calls: Map<string, Call>
  /** Position of the first cancel that was taken. */
  cancelled?: number
}

/** No call was scheduled again after it was done, no workflow task failed by a fault of ours, and every run replays. */
export async function checkHistory(client: Client, id: string): Promise<Story> {
  const workflowId = toWorkflowId("default", id)
  const { runId: current } = await client.workflow.getHandle(workflowId).describe()
  const runs = await readRuns(client, { workflowId, current })
  const story: Story = {
    startedAt: toMs(runs[0]?.history.events?.[0]?.eventTime),
    endedAt: toMs(runs.at(-1)?.history.events?.at(-1)?.eventTime),
    calls: new Map(),
  }
  let before = 0
  for (const { history } of runs) {
    tell(story, { id, history, before })
    before += history.events?.length ?? 0
    await replay(id, history)
  }
  return story
}

function tell(story: Story, { id, history, before }: { id: string; history: History; before: number }): void {
  const { events } = history
  const scheduledAs = new Map<string, Call>()
  for (const [at, event] of (events ?? []).entries()) {
    const position = before + at
    const scheduled = event.activityTaskScheduledEventAttributes
    if (scheduled?.activityId) {
      const call = story.calls.get(scheduled.activityId) ?? { firstScheduled: position }
      const again = `${id}: ${scheduled.activityId} was scheduled again after it was done`
      expect(call.done, again).toBeUndefined()
      story.calls.set(scheduled.activityId, call)
      scheduledAs.set(String(event.eventId), call)
    }
    const done = event.activityTaskCompletedEventAttributes
    const call = done && scheduledAs.get(String(done.scheduledEventId))
    if (call) Object.assign(call, { done: position, doneAt: toMs(event.eventTime) })
    if (isCancel(event)) story.cancelled ??= position
    const failed = event.workflowTaskFailedEventAttributes
    // A message that came while the run was closing: Temporal hands out the task anew, with the message.
    if (failed?.cause === UNHANDLED_COMMAND) continue
    if (failed)
      throw new Error(`${id}: a workflow task failed: ${failed.failure?.message}\n${listEvents(events)}`)
  }
}

/** An update that was accepted; what was refused leaves nothing. */
function isCancel(event: temporal.api.history.v1.IHistoryEvent): boolean {
  const args = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.args
  const decision = args?.payloads?.[0]
  if (!decision) return false
  return payloadConverter.fromPayload<Partial<Decision>>(decision).action === "cancel"
}

async function replay(id: string, history: History): Promise<void> {
  quietTemporal()
  await Worker.runReplayHistory({ workflowBundle: builtWorkflowBundle() }, history).catch(
    (thrown: unknown) => {
      throw new Error(`${id} does not replay: ${String(thrown)}\n${listEvents(history.events)}`)
    },
  )
}

/** Which worker saw what, and when: a failed workflow task tells no more of itself. */
export function listEvents(
  events: readonly temporal.api.history.v1.IHistoryEvent[] | null | undefined,
): string {
  return (events ?? [])
    .map((event) => {
      const type = Object.keys(event).find((key) => key.endsWith("EventAttributes")) ?? ""
      // One of the names that end so.
      const { activityId, scheduledEventId, identity, signalName, cause, failure } = (event[
        type as keyof typeof event
      ] ?? {}) as Record<string, unknown>
      const { message } = Object(failure) as { message?: string }
      const what = [activityId, signalName, scheduledEventId, cause, identity, message]
        .filter(Boolean)
        .join(" ")
      return `${toMs(event.eventTime)} ${String(event.eventId)} ${type.replace("EventAttributes", "")} ${what}`
    })
    .join("\n")
}

function toMs(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + Math.floor((time?.nanos ?? 0) / 1e6)
}
