import type { Client } from "@temporalio/client"
import type { temporal } from "@temporalio/proto"
import type { StartInput } from "../../contract/messages.ts"

/** How a run was started, from its first event. */
export interface RunStart {
  workflow_type: string
  /** Differs from the run's own id after a reset. */
  original_run_id: string
  /** The workflow's arguments: a `StartInput` and, for a large plan, its bytes. */
  args: unknown[]
}

/** @throws WorkflowNotFoundError and other errors of the client. */
export async function readStart(
  client: Client,
  execution: { workflowId: string; runId: string },
): Promise<RunStart> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: 1,
  })
  return toRunStart(client, execution, history?.events?.[0])
}

/** @param first of the run's events. @throws Error when it is not the start of a workflow. */
export async function toRunStart(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId: string },
  first: temporal.api.history.v1.IHistoryEvent | undefined,
): Promise<RunStart> {
  const started = first?.workflowExecutionStartedEventAttributes
  if (!started) throw new Error(`the history of ${workflowId} does not begin with its start`)
  let payloads = started.input?.payloads ?? []
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter
  for (const codec of payloadCodecs) payloads = await codec.decode(payloads)
  return {
    workflow_type: started.workflowType?.name ?? "",
    original_run_id: started.originalExecutionRunId ?? runId,
    args: payloads.map((payload) => payloadConverter.fromPayload<unknown>(payload)),
  }
}

/** The part of a start input that says whose run it is; undefined when somebody else started the run. */
export function findIdentity(
  start: RunStart,
): Pick<StartInput, "tenant" | "transaction" | "plan_hash" | "params"> | undefined {
  const [input] = start.args
  if (typeof input !== "object" || input === null) return undefined
  const { tenant, transaction, plan_hash, params } = input as Partial<Record<keyof StartInput, unknown>>
  if (typeof tenant !== "string" || typeof transaction !== "string" || typeof plan_hash !== "string")
    return undefined
  return { tenant, transaction, plan_hash, params }
}

/** The reset run whose number orders this run's mirror rows; undefined when no reset came before it. */
export function findResetRun(start: RunStart, runId: string): string | undefined {
  if (start.original_run_id !== runId) return runId
  const [input] = start.args
  if (typeof input !== "object" || input === null) return undefined
  const { reset_run } = input as Partial<Record<keyof StartInput, unknown>>
  return typeof reset_run === "string" ? reset_run : undefined
}
