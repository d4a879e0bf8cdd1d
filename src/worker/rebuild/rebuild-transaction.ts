/**
 * Derives one transaction's rows from Temporal's histories and writes those that differ, through the same lane and
 * in the same order as a worker does, so that whatever happens at the same time stays newer.
 *
 * What it leaves alone: columns of the start request, of people and of the API, attempts, recorded decisions, ids.
 */
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import { toWorkflowId } from "../../contract/names.ts"
import type { View } from "../../contract/rows.ts"
import { isEndStatus } from "../../contract/statuses.ts"
import type { Logger } from "../../store/logger.ts"
import { exceptionKey, type FieldDifference, findDifferences } from "../../store/mirror/differences.ts"
import { toSeq } from "../../store/mirror/order.ts"
import { readMirror, type StoredMirror, toView } from "../../store/mirror/read-mirror.ts"
import type { MirrorWriter } from "../../store/mirror/writer.ts"
import { confirmEnd } from "../../store/queries/confirm-end.ts"
import { listDecisionIds } from "../../store/queries/list-decision-ids.ts"
import type { TransactionKey } from "../../store/queries/transaction-key.ts"
import { markChecked } from "../../store/queries/mark-checked.ts"
import { adopt } from "../sweeper/adopt.ts"
import { type Observation, observe } from "../sweeper/observe.ts"
import { settleView } from "../sweeper/settle.ts"
import { withPatience, writeFinding } from "../sweeper/write-finding.ts"
import { type Derived, derive } from "./derive.ts"
import { readRuns, type RecordedRun } from "./read-runs.ts"
import { type Replayer, UnreplayableHistory } from "./replayer.ts"

export interface RebuildContext {
  pool: Pool
  client: Client
  writer: MirrorWriter
  replayer: Replayer
  logger: Logger
}

/**
 * `expired`: ended, and past Temporal's retention. `unknown`: neither Postgres nor Temporal has it. `moved`: it was
 * between two runs, or moved on while it was compared; ask again.
 */
export type Rebuilt =
  { kind: "rebuilt" | "unchanged" | "expired" | "unknown" | "moved" } | { kind: "failed"; reason: string }

/** @throws the client's or the pool's error, or what ended the replay worker. */
export async function rebuildTransaction(context: RebuildContext, key: TransactionKey): Promise<Rebuilt> {
  try {
    return await rebuild(context, key)
  } catch (thrown) {
    if (!(thrown instanceof UnreplayableHistory)) throw thrown
    return { kind: "failed", reason: `this build cannot replay its history: ${thrown.message}` }
  }
}

async function rebuild(context: RebuildContext, key: TransactionKey): Promise<Rebuilt> {
  const { pool, client, replayer } = context
  const before = await readMirror(pool, key)
  if (before && !before.transaction.is_dispatched) return { kind: "unchanged" }
  const workflowId = before?.transaction.workflow_id ?? toWorkflowId(key.tenant, key.transaction_id)
  const observed = await observe(client, workflowId)
  if (observed.kind === "missing") return judgeMissing(before)
  if (observed.kind === "between_runs") return { kind: "moved" }
  const runs = await readRuns(client, { workflowId, current: observed.run.run_id })
  const derived = await derive(replayer, workflowId, runs)
  const stored = before ?? (await makeRow(context, { key, run: observed.run, derived }))
  if (!stored) return { kind: "unknown" }
  const wanted = toWanted({ observed, derived, stored, run: lastOf(runs) })
  const missing = await findMissing(pool, { key, derived, stored })
  const isRight = missing === 0 && findDifferences(wanted.view, stored).length === 0 && isAt(stored, wanted)
  if (!isRight) await write(context, { derived, stored, wanted })
  const left = isRight ? [] : await compareAgain(pool, key, wanted)
  if (left.length > 0)
    return observed.kind === "open" ? { kind: "moved" } : { kind: "failed", reason: describe(left) }
  await confirm(pool, { key, stored, wanted })
  return { kind: isRight ? "unchanged" : "rebuilt" }
}

function judgeMissing(stored: StoredMirror | undefined): Rebuilt {
  if (!stored) return { kind: "unknown" }
  if (isEndStatus(stored.transaction.row.status)) return { kind: "expired" }
  return { kind: "failed", reason: "Temporal does not know its workflow, and it has not ended" }
}

interface Making {
  key: TransactionKey
  run: { workflow_id: string; run_id: string }
  derived: Derived
}

/** @returns the new row; undefined when the workflow is none of Holdfast's. */
async function makeRow(
  context: RebuildContext,
  { key, run, derived }: Making,
): Promise<StoredMirror | undefined> {
  const began = derived.view?.transaction.started_at
  const adopted = await adopt(context, {
    workflowId: run.workflow_id,
    runId: run.run_id,
    ...(began !== undefined && { startedAt: new Date(began) }),
  })
  return adopted && readMirror(context.pool, key)
}

/** What the rows must show, and their place in the order. */
interface Wanted {
  view: View
  run: { run_id: string; history_length: number; ordinal: number }
  reset_run: string | undefined
  over: boolean
}

interface Comparison {
  observed: Extract<Observation, { kind: "open" | "closed" }>
  derived: Derived
  stored: StoredMirror
  run: RecordedRun
}

function toWanted({ observed, derived, stored, run }: Comparison): Wanted {
  const view = derived.view ?? toView(stored)
  const { run_id, history_length, reset_run } = run
  const known = { run: { run_id, history_length, ordinal: 0 }, reset_run }
  if (observed.kind === "open") return { ...known, view, over: false }
  const close = { closing: observed.closing, closed_at: observed.run.closed_at ?? Date.now() }
  return { ...known, view: settleView(view, close), over: true }
}

/** Rows that no comparison of the current run's view shows: decisions, and records of earlier generations. */
async function findMissing(
  pool: Pool,
  { key, derived, stored }: Pick<Comparison, "derived" | "stored"> & { key: TransactionKey },
): Promise<number> {
  const told = derived.told.flat()
  const decisions = await listDecisionIds(pool, key)
  const exceptions = new Set(stored.exceptions.map(exceptionKey))
  const unknownDecisions = told
    .flatMap((change) => change.decisions)
    .filter((row) => !decisions.has(row.decision_id))
  const unknownExceptions = told
    .flatMap((change) => change.exceptions)
    .filter((row) => !exceptions.has(exceptionKey(row)))
  return unknownDecisions.length + unknownExceptions.length
}

/** The rows are of this run; `mark_checked` notes elsewhere how new they are. */
function isAt({ transaction }: StoredMirror, { run, reset_run }: Wanted): boolean {
  return transaction.run_id === run.run_id && (transaction.reset_run ?? undefined) === reset_run
}

/** First as the runs told it, so that what they have forgotten is there too; then the end of it. */
async function write(
  context: RebuildContext,
  { derived, stored, wanted }: Pick<Comparison, "derived" | "stored"> & { wanted: Wanted },
): Promise<void> {
  for (const changes of derived.told) {
    for (const change of changes) context.writer.push(change)
    await withPatience(context.writer.flush())
  }
  await writeFinding(context, stored, { ...wanted, extent: "whole" })
}

async function compareAgain(pool: Pool, key: TransactionKey, wanted: Wanted): Promise<FieldDifference[]> {
  const stored = await readMirror(pool, key)
  return stored ? findDifferences(wanted.view, stored) : []
}

async function confirm(
  pool: Pool,
  { key, stored, wanted }: Pick<Comparison, "stored"> & { key: TransactionKey; wanted: Wanted },
): Promise<void> {
  const { run_id, history_length, ordinal } = wanted.run
  const seq = toSeq(history_length, ordinal)
  await markChecked(pool, { ...key, read_at: stored.transaction.read_at, run_id, seq })
  if (wanted.over) await confirmEnd(pool, { ...key, run_id })
}

function lastOf(runs: RecordedRun[]): RecordedRun {
  const last = runs.at(-1)
  if (!last) throw new Error("a workflow without a run")
  return last
}

function describe(left: FieldDifference[]): string {
  const fields = left
    .slice(0, 5)
    .map(({ entity, key, field }) => [entity, key, field].filter(Boolean).join(" "))
  return `rows in Postgres are newer than Temporal's history and stay different: ${fields.join(", ")}`
}
