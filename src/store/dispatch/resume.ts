/**
 * Going on with a failed run. Several people, or one person's impatient client, may ask at once.
 *
 * R1 a failed run is resumed once. What is slow (the run is replayed for its snapshot) comes first; then a lock is
 * taken in Postgres, and under it one more look must find the same run before the new one is started.
 * R2 a decision resumes once: a run knows the decisions that it and the runs before it took. So a repeat is told
 * apart also when the first one's answer, or its note in Postgres, was lost.
 */
import { ApplicationFailure, type Client, WorkflowFailedError } from "@temporalio/client"
import type { Pool } from "pg"
import { type Decision, QUERY_SNAPSHOT, type StartInput } from "../../contract/messages.ts"
import { unpackJson } from "../../contract/packed-json.ts"
import { LOCK_CLASS_RESUME } from "../advisory-locks.ts"
import type { TransactionStart } from "../queries/find-start.ts"
import type { Queryable } from "../queries/queryable.ts"
import { reopenTransaction } from "../queries/reopen-transaction.ts"
import { findResetRun, readStart } from "../temporal/read-start.ts"

/**
 * `resumed`: by this decision, now or when it came before. `not_failed`: there is nothing to resume.
 * `orchestrator_lost`: the run was terminated or timed out.
 */
export type ResumeAnswer = "resumed" | "already_running" | "not_failed" | "orchestrator_lost"

export interface ResumeTools {
  pool: Pool
  client: Client
  /** @returns the new run's id; undefined when a run of this workflow id is open. */
  startRun: (args: unknown[]) => Promise<string | undefined>
}

/** A closed run is replayed before it answers. */
const RESUME_DEADLINE_MS = 30_000
/** Others wait for the lock meanwhile. */
const LOCKED_DEADLINE_MS = 5_000

export async function resumeTransaction(
  tools: ResumeTools,
  start: TransactionStart,
  decision: Decision,
): Promise<ResumeAnswer> {
  const { client } = tools
  return client.withDeadline(Date.now() + RESUME_DEADLINE_MS, async () => {
    for (;;) {
      const failed = await findFailedRun(client, start.workflow_id)
      if ("answer" in failed) return failed.answer
      const { runId } = failed
      const snapshot = await client.workflow
        .getHandle(start.workflow_id, runId)
        .query<Uint8Array>(QUERY_SNAPSHOT)
      if (hasTaken(unpackJson(snapshot), decision)) return "resumed"
      const args = await toResumeArguments(client, { start, runId, snapshot, decision })
      const answer = await startOnce(tools, { start, runId, args })
      // Somebody was quicker: what is there now decides.
      if (answer !== "moved") return answer
    }
  })
}

interface Attempt {
  start: TransactionStart
  /** The failed run that `args` go on with. */
  runId: string
  args: unknown[]
}

function startOnce(
  { pool, client, startRun }: ResumeTools,
  { start, runId, args }: Attempt,
): Promise<"resumed" | "already_running" | "moved"> {
  return underLock(pool, start.workflow_id, (db) =>
    client.withDeadline(Date.now() + LOCKED_DEADLINE_MS, async () => {
      const current = await client.workflow.getHandle(start.workflow_id).describe()
      if (current.runId !== runId) return "moved"
      // A lock whose connection broke protects nobody: this fails then.
      await db.query("select 1")
      const newRun = await startRun(args)
      if (newRun === undefined) return "already_running"
      const { tenant, instance_id } = start
      await reopenTransaction(db, { tenant, instance_id, failed_run: runId, new_run: newRun })
      return "resumed"
    }),
  )
}

/** Transactions whose ids share a hash only wait for each other. */
async function underLock<T>(pool: Pool, workflowId: string, work: (db: Queryable) => Promise<T>): Promise<T> {
  const db = await pool.connect()
  try {
    await db.query("begin")
    await db.query("select pg_advisory_xact_lock($1, hashtext($2))", [LOCK_CLASS_RESUME, workflowId])
    const result = await work(db)
    await db.query("commit")
    db.release()
    return result
  } catch (thrown) {
    // Whatever state the connection is in: the lock ends with it.
    db.release(true)
    throw thrown
  }
}

async function findFailedRun(
  client: Client,
  workflowId: string,
): Promise<{ runId: string } | { answer: ResumeAnswer }> {
  const { runId, status } = await client.workflow.getHandle(workflowId).describe()
  if (status.name === "RUNNING" || status.name === "PAUSED") return { answer: "already_running" }
  if (status.name === "TERMINATED" || status.name === "TIMED_OUT") return { answer: "orchestrator_lost" }
  if (status.name !== "FAILED") return { answer: "not_failed" }
  return (await isFailedByUs(client, workflowId, runId)) ? { runId } : { answer: "not_failed" }
}

/** Temporal's `Failed` is also how a compensated, a force-closed or a malformed run closes. */
async function isFailedByUs(client: Client, workflowId: string, runId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId, runId, { followRuns: false }).result()
    return false
  } catch (thrown) {
    if (!(thrown instanceof WorkflowFailedError)) throw thrown
    return thrown.cause instanceof ApplicationFailure && thrown.cause.type === "failed"
  }
}

/** The one part of a snapshot that is not the engine's alone: its answers by decision id. */
function hasTaken(snapshot: unknown, { id }: Decision): boolean {
  if (typeof snapshot !== "object" || snapshot === null || !("answers" in snapshot)) return false
  const { answers } = snapshot
  return Array.isArray(answers) && answers.some((answer) => Array.isArray(answer) && answer[0] === id)
}

interface Resumption {
  start: TransactionStart
  runId: string
  /** Packed, as it travels. */
  snapshot: Uint8Array
  decision: Decision
}

/** As a continue-as-new would: the run's own arguments with its snapshot. */
async function toResumeArguments(
  client: Client,
  { start, runId, snapshot, decision }: Resumption,
): Promise<unknown[]> {
  const begun = await readStart(client, { workflowId: start.workflow_id, runId })
  const [input, packedPlan] = begun.args
  const resetRun = findResetRun(begun, runId)
  const resumed = {
    // The run ended as `failed`, which only runs with a proper start input do.
    ...(input as StartInput),
    resume: decision,
    ...(resetRun === undefined ? {} : { reset_run: resetRun }),
  } satisfies StartInput
  return [resumed, packedPlan, snapshot]
}
