/**
 * Temporal's list of runs, page by page. The client's own list decodes every memo and search attribute, one promise
 * each: with many transactions a second that is a sixth of what the whole process allocates, and the sweeper needs
 * none of them.
 */
import type { Client, WorkflowExecutionInfo, WorkflowExecutionStatusName } from "@temporalio/client"
import proto from "@temporalio/proto"

const { WorkflowExecutionStatus } = proto.temporal.api.enums.v1

export type ListedRun = Pick<
  WorkflowExecutionInfo,
  "workflowId" | "runId" | "status" | "historyLength" | "startTime" | "closeTime"
>

/** @throws the client's errors (`isTemporalAway`). */
export async function* listRuns(
  client: Client,
  { query, pageSize }: { query: string; pageSize: number },
): AsyncGenerator<ListedRun[]> {
  const { namespace } = client.options
  let nextPageToken: Uint8Array = new Uint8Array()
  do {
    const page = await client.workflowService.listWorkflowExecutions({
      namespace,
      query,
      pageSize,
      nextPageToken,
    })
    yield page.executions.map(toListedRun)
    ;({ nextPageToken } = page)
  } while (nextPageToken.length > 0)
}

type Execution = proto.temporal.api.workflow.v1.IWorkflowExecutionInfo

function toListedRun({ execution, status, historyLength, startTime, closeTime }: Execution): ListedRun {
  const started = toDate(startTime)
  const closed = toDate(closeTime)
  const code = status ?? WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
  if (typeof execution?.workflowId !== "string" || typeof execution.runId !== "string" || !started)
    throw new Error("Temporal listed a run without its ids or its start time")
  return {
    workflowId: execution.workflowId,
    runId: execution.runId,
    status: { code, name: STATUS_NAMES[code] ?? "UNKNOWN" },
    historyLength: Number(historyLength ?? 0),
    startTime: started,
    ...(closed && { closeTime: closed }),
  }
}

const STATUS_NAMES: Partial<Record<number, WorkflowExecutionStatusName>> = {
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED]: "UNSPECIFIED",
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING]: "RUNNING",
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED]: "COMPLETED",
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED]: "FAILED",
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED]: "CANCELLED",
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED]: "TERMINATED",
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW]: "CONTINUED_AS_NEW",
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT]: "TIMED_OUT",
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED]: "PAUSED",
}

function toDate(timestamp: proto.google.protobuf.ITimestamp | null | undefined): Date | undefined {
  if (!timestamp) return undefined
  return new Date(Number(timestamp.seconds ?? 0) * 1_000 + Math.floor((timestamp.nanos ?? 0) / 1_000_000))
}
