/**
 * Starting a transaction whose workflow id was used before. Mostly an earlier try to start it came through. But
 * Temporal may also keep a closed run longer than the mirror kept its row: then the id belongs to nobody any more,
 * and another request may have it. What tells them apart is the hash of the request, in the run's memo.
 */
import type { Client, WorkflowExecutionStatusName } from "@temporalio/client"
import type { Pool } from "pg"
import { UNKNOWN_REQUEST } from "../queries/adopt-transaction.ts"
import type { TransactionStart } from "../queries/find-start.ts"
import { underLock } from "./under-lock.ts"

/** Another workflow has the id of this transaction's: one that Holdfast did not start, or another request's. */
export class WorkflowIdTaken extends Error {
  override readonly name = "WorkflowIdTaken"
}

interface UsedIdTools {
  pool: Pool
  client: Client
  /** Starts it after a closed run, however that closed. @returns undefined when one is open. */
  startAgain: () => Promise<string | undefined>
}

/** @throws WorkflowIdTaken; the client's errors. */
export async function startUnderUsedId(
  { pool, client, startAgain }: UsedIdTools,
  start: TransactionStart,
): Promise<"started" | "already_running"> {
  if ((await judgeUser(client, start)) === "same_request") return "already_running"
  return underLock(pool, start.workflow_id, async (db) => {
    // Somebody else may have started it meanwhile, and that run may have ended since: once more would be twice.
    if ((await judgeUser(client, start)) === "same_request") return "already_running"
    // A lock whose connection broke protects nobody: this fails then.
    await db.query("select 1")
    if ((await startAgain()) !== undefined) return "started"
    if ((await judgeUser(client, start)) === "same_request") return "already_running"
    throw new WorkflowIdTaken(`another workflow came to have the id ${start.workflow_id}: try again`)
  })
}

/** @throws WorkflowIdTaken when it is nobody's of Holdfast's, or an open one of another request. */
async function judgeUser(client: Client, start: TransactionStart): Promise<"same_request" | "over"> {
  const { tenant, instance_id, workflow_id } = start
  const { memo, status } = await client.workflow.getHandle(workflow_id).describe()
  if (memo?.["tenant"] !== tenant || memo["transaction"] !== instance_id)
    throw new WorkflowIdTaken(
      `another workflow has the id ${workflow_id}: it was not started by Holdfast, so transaction ${instance_id} cannot start`,
    )
  if (isSameRequest(memo["request_hash"], start.request_hash)) return "same_request"
  if (CLOSED.has(status.name)) return "over"
  throw new WorkflowIdTaken(
    `a workflow of another request is open under the id ${workflow_id}, so transaction ${instance_id} cannot start until that has ended`,
  )
}

/** Runs of earlier releases, and rows that were lost and made again, do not know it. */
function isSameRequest(known: unknown, wanted: string): boolean {
  return known === undefined || known === null || wanted === UNKNOWN_REQUEST || known === wanted
}

const CLOSED: ReadonlySet<WorkflowExecutionStatusName> = new Set<WorkflowExecutionStatusName>([
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "TERMINATED",
  "TIMED_OUT",
])
