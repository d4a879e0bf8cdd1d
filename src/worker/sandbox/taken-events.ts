/**
 * Why a question may be refused. One that waits for a worker while the run goes on reaches it with the events since the
 * last workflow task, and the SDK's core hands those to the run at once. What comes before the next workflow task would
 * be taken after that, and not together with it, as every replay takes it: where that leads to other commands, or to
 * others first, the run can never be replayed again. So a question to a run that went on is answered only where a
 * workflow task brought what it took last (`run-proxy.ts` asks).
 */
import type { NativeConnection } from "@temporalio/worker"

/**
 * Whether a workflow task brought the event that a run took last, or none is to come: it took all that there is, or is
 * over. One of which nobody could say has not.
 */
export type IsTaken = (run: { workflowId: string; runId: string }, event: number) => Promise<boolean>

/** Of the 10 s that a workflow task has, which may wait behind it. */
const DEADLINE_MS = 2_000
const PAGE_SIZE = 20

export function createIsTaken(
  connection: Pick<NativeConnection, "withDeadline" | "workflowService">,
  namespace: string,
): IsTaken {
  const { workflowService } = connection

  const isTaken: IsTaken = async (execution, event) => {
    const described = await workflowService.describeWorkflowExecution({ namespace, execution })
    // A run that was terminated keeps its task in that answer.
    if (!described.pendingWorkflowTask || described.workflowExecutionInfo?.closeTime) return true
    // It goes on while it is asked: the event is a workflow task's beginning, and the next one its end.
    let isDone = false
    for (let nextPageToken: Uint8Array | undefined; ;) {
      const page = await workflowService.getWorkflowExecutionHistoryReverse({
        namespace,
        execution,
        maximumPageSize: PAGE_SIZE,
        ...(nextPageToken === undefined ? {} : { nextPageToken }),
      })
      for (const { eventId, ...attributes } of page.history?.events ?? []) {
        if (Number(eventId) === event + 1) isDone = Boolean(attributes.workflowTaskCompletedEventAttributes)
        if (Number(eventId) <= event) return isDone
      }
      nextPageToken = page.nextPageToken
      if (nextPageToken.length === 0) return false
    }
  }

  return async (run, event) => {
    try {
      return await connection.withDeadline(Date.now() + DEADLINE_MS, () => isTaken(run, event))
    } catch {
      return false
    }
  }
}
