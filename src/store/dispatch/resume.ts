/**
 * Going on with a failed run. Several people, or one person's impatient client, may ask at once.
 *
 * R1 a failed run is resumed once. What is slow (the run is replayed for its snapshot) comes first; then a lock is
 * taken in Postgres, and under it one more look must find the same run before the new one is started.
 * R2 a decision resumes once: a run knows the decisions that it and the runs before it took. So a repeat is told
 * apart also when the first one's answer, or its note in Postgres, was lost.
 * R3 what another transaction does in its place is not done by both. A resume claims what a start or a redo would
 * have to claim, under the same locks, and keeps it until its own row shows that it goes on.
 */
import { ApplicationFailure, type Client, WorkflowFailedError } from "@temporalio/client"
import type { Pool } from "pg"
import { type Decision, QUERY_SNAPSHOT, type StartInput } from "../../contract/messages.ts"
import { unpackJson } from "../../contract/packed-json.ts"
import type { Plan } from "../../contract/plan.ts"
import { numberReset } from "../mirror/queries/number-reset.ts"
import { claimOnce, type Duplicate } from "../queries/claim-once.ts"
import type { Once } from "../queries/find-holder.ts"
import type { StoredStart } from "../queries/find-start.ts"
import { reopenTransaction } from "../queries/reopen-transaction.ts"
import { findResetRun, readStart } from "../temporal/read-start.ts"
import { underLock } from "./under-lock.ts"

/**
 * `resumed`: by this decision, now or when it came before. `not_failed`: there is nothing to resume.
 * `orchestrator_lost`: the run was terminated or timed out. A duplicate: the other one stands in its place.
 */
export type ResumeAnswer = "resumed" | "already_running" | "not_failed" | "orchestrator_lost" | Duplicate

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
  start: StoredStart,
  decision: Decision,
): Promise<ResumeAnswer> {
  const { client } = tools
  return client.withDeadline(Date.now() + RESUME_DEADLINE_MS, async () => {
    for (;;) {
      const failed = await findFailedRun(client, start.workflow_id)
      if ("answer" in failed) return failed.answer
      const { runId } = failed
      const packed = await client.workflow
        .getHandle(start.workflow_id, runId)
        .query<Uint8Array>(QUERY_SNAPSHOT)
      const snapshot = readSnapshot(packed)
      if (snapshot.decisions.includes(decision.id)) return "resumed"
      const resumption = await toResumption(client, { start, runId, snapshot, decision })
      const answer = await startOnce(tools, resumption)
      // Somebody was quicker: what is there now decides.
      if (answer !== "moved") return answer
    }
  })
}

interface Resumption {
  start: StoredStart
  /** The failed run that `args` go on with. */
  runId: string
  /** Whose reset the failed run comes from. */
  resetRun: string | undefined
  /** Of the new run. */
  chain: number
  once: Once[]
  args: unknown[]
}

function startOnce(
  { pool, client, startRun }: ResumeTools,
  { start, runId, resetRun, chain, once, args }: Resumption,
): Promise<"resumed" | "already_running" | "moved" | Duplicate> {
  const { tenant, instance_id, workflow_id } = start
  return underLock(pool, workflow_id, async (db) => {
    // Who does a transaction again does the first one of its kind again.
    const duplicate = await claimOnce(db, { ...start, redo_of: start.redo_of ?? instance_id }, once)
    if (duplicate !== undefined) return duplicate
    const resets =
      resetRun === undefined
        ? 0
        : await numberReset(db, { tenant, transaction_id: instance_id, run_id: resetRun })
    return client.withDeadline(Date.now() + LOCKED_DEADLINE_MS, async () => {
      const current = await client.workflow.getHandle(workflow_id).describe()
      if (current.runId !== runId) return "moved"
      // A lock whose connection broke protects nobody: this fails then.
      await db.query("select 1")
      const new_run = await startRun(args)
      if (new_run === undefined) return "already_running"
      await reopenTransaction(db, { tenant, instance_id, failed_run: runId, new_run, resets, chain })
      return "resumed"
    })
  })
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

interface ReadSnapshot {
  /** As it travels. */
  packed: Uint8Array
  /** Ids of those that the run and the runs before it took. */
  decisions: unknown[]
  chain: number
}

/** The parts of a snapshot that are not the engine's alone: its place in the order, and its answers by decision id. */
function readSnapshot(packed: Uint8Array): ReadSnapshot {
  const snapshot = unpackJson(packed)
  if (typeof snapshot !== "object" || snapshot === null) throw new Error("a failed run answers no snapshot")
  const { answers, chain } = snapshot as Partial<Record<"answers" | "chain", unknown>>
  if (typeof chain !== "number") throw new Error("a failed run's snapshot has no place in the order of runs")
  const pairs: unknown[] = Array.isArray(answers) ? answers : []
  return {
    packed,
    decisions: pairs.map((pair): unknown => (Array.isArray(pair) ? pair[0] : undefined)),
    chain,
  }
}

interface Resuming extends Pick<Resumption, "start" | "runId"> {
  snapshot: ReadSnapshot
  decision: Decision
}

/** As a continue-as-new would: the run's own arguments with its snapshot. */
async function toResumption(
  client: Client,
  { start, runId, snapshot, decision }: Resuming,
): Promise<Resumption> {
  const begun = await readStart(client, { workflowId: start.workflow_id, runId })
  const [input, packedPlan] = begun.args
  // The run ended as `failed`, which only runs with a proper start input do.
  const before = input as StartInput
  const resetRun = findResetRun(begun, runId)
  const resumed = {
    ...before,
    resume: decision,
    ...(resetRun === undefined ? {} : { reset_run: resetRun }),
  } satisfies StartInput
  const plan = packedPlan instanceof Uint8Array ? unpackJson(packedPlan) : before.plan
  return {
    start,
    runId,
    resetRun,
    chain: snapshot.chain + 1,
    once: listClaims(start, plan as Plan),
    args: [resumed, packedPlan, snapshot.packed],
  }
}

function listClaims({ business_key }: StoredStart, { on_duplicate }: Plan): Once[] {
  return on_duplicate === undefined || business_key === null ? ["redo_of"] : ["redo_of", "business_key"]
}
