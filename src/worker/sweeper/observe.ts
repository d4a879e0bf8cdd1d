/** What Temporal says of a transaction: its current run, how that closed, and the view that the run answers. */
import {
  ApplicationFailure,
  type Client,
  QueryNotRegisteredError,
  TerminatedFailure,
  TimeoutFailure,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from "@temporalio/client"
import { QUERY_ROWS } from "../../contract/messages.ts"
import { unpackJson } from "../../contract/packed-json.ts"
import type { View } from "../../contract/rows.ts"
import { type EndStatus, isEndStatus } from "../../contract/statuses.ts"
import { askRun } from "../../store/temporal/ask-run.ts"

export interface Run {
  workflow_id: string
  run_id: string
  history_length: number
  /** Milliseconds. */
  started_at: number
  closed_at: number | null
}

/**
 * How a run closed. `ended`: by its own word, whose status and view the failure carries (a success or Temporal's
 * own cancel has no view). `lost`: by anything else, so that nobody knows what its running tasks came to.
 */
export type Closing =
  | { kind: "ended"; status: EndStatus; view?: View; output?: unknown }
  | { kind: "lost"; code: string; message: string }

export type Observation =
  | { kind: "missing" }
  /** Between two runs of a continue-as-new: ask again. */
  | { kind: "between_runs" }
  | { kind: "open"; run: Run }
  | { kind: "closed"; run: Run; closing: Closing }

/** `away`: nobody answers now. `unanswerable`: this run's history cannot be replayed by this build. */
export type Answer =
  { kind: "view"; view: View } | { kind: "away"; error: Error } | { kind: "unanswerable"; error: Error }

const ASK_DEADLINE_MS = 10_000

/** @throws the client's error when Temporal could not be asked. */
export async function observe(client: Client, workflowId: string): Promise<Observation> {
  return client.withDeadline(Date.now() + ASK_DEADLINE_MS, async () => {
    const found = await describe(client, workflowId)
    if (!found) return { kind: "missing" }
    const { runId, historyLength, startTime, closeTime, status } = found
    const run = {
      workflow_id: workflowId,
      run_id: runId,
      history_length: historyLength,
      started_at: startTime.getTime(),
      closed_at: closeTime?.getTime() ?? null,
    }
    switch (status.name) {
      case "CONTINUED_AS_NEW":
        return { kind: "between_runs" }
      case "COMPLETED":
      case "FAILED":
      case "CANCELLED":
      case "TERMINATED":
      case "TIMED_OUT":
        return { kind: "closed", run, closing: await readClosing(client, run) }
      case "RUNNING":
      case "PAUSED":
      case "UNSPECIFIED":
      case "UNKNOWN":
        return { kind: "open", run }
    }
  })
}

/** Asks the run itself; a closed one is replayed for it. */
export async function askView(client: Client, { workflow_id, run_id }: Run): Promise<Answer> {
  try {
    const packed = await client.withDeadline(Date.now() + ASK_DEADLINE_MS, () =>
      askRun(() => client.workflow.getHandle(workflow_id, run_id).query<unknown>(QUERY_ROWS)),
    )
    const view = packed instanceof Uint8Array ? unpackJson(packed) : undefined
    if (isView(view)) return { kind: "view", view }
    return { kind: "unanswerable", error: new Error("the run answers something that is no view") }
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown
    // What the SDK makes of the server's answer for any query that a worker took and could not carry out.
    return { kind: thrown instanceof QueryNotRegisteredError ? "unanswerable" : "away", error: thrown }
  }
}

async function describe(client: Client, workflowId: string) {
  try {
    return await client.workflow.getHandle(workflowId).describe()
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) return undefined
    throw thrown
  }
}

async function readClosing(client: Client, { workflow_id, run_id }: Run): Promise<Closing> {
  try {
    const result: unknown = await client.workflow
      .getHandle(workflow_id, run_id, { followRuns: false })
      .result()
    const output = typeof result === "object" && result !== null && "output" in result ? result.output : null
    return { kind: "ended", status: "success", output }
  } catch (thrown) {
    if (!(thrown instanceof WorkflowFailedError)) throw thrown
    return toClosing(thrown.cause)
  }
}

/** Design page "architecture", close status. */
export function toClosing(cause: Error | undefined): Closing {
  if (cause instanceof TerminatedFailure) {
    return {
      kind: "lost",
      code: "orchestrator_lost",
      message: `The workflow was terminated: ${cause.message}`,
    }
  }
  if (cause instanceof TimeoutFailure) {
    return {
      kind: "lost",
      code: "orchestrator_lost",
      message: "The workflow ran into Temporal's own timeout.",
    }
  }
  if (!(cause instanceof ApplicationFailure)) return { kind: "ended", status: "cancelled" }
  const type = cause.type ?? "workflow_failed"
  if (!isEndStatus(type)) return { kind: "lost", code: type, message: cause.message }
  const view: unknown = cause.details?.[0]
  return { kind: "ended", status: type, ...(isView(view) ? { view } : {}) }
}

/** Written by our own workflow; what is checked is that it was this workflow. */
function isView(value: unknown): value is View {
  if (typeof value !== "object" || value === null) return false
  const { transaction, tasks, exceptions, chain } = value as Partial<Record<keyof View, unknown>>
  return (
    typeof transaction === "object" &&
    Array.isArray(tasks) &&
    Array.isArray(exceptions) &&
    typeof chain === "number"
  )
}
