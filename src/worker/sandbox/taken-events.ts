/** Whether a run stands where Temporal has it: asked before a question is answered (`run-proxy.ts`). */
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
