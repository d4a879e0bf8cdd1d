import { setTimeout as sleep } from "node:timers/promises"
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import { toWorkflowId } from "../contract/names.ts"
import { listAuditedDecisions } from "../store/queries/list-audited-decisions.ts"
import type { TransactionKey } from "../store/queries/transaction-key.ts"
import { compareDecisions, type DecisionDifference } from "./audit/compare-decisions.ts"
import { derive } from "./rebuild/derive.ts"
import { readRuns, type RecordedRun } from "./rebuild/read-runs.ts"
import { createReplayer, type Replayer, UnreplayableHistory } from "./rebuild/replayer.ts"
import { pagesOfRowless, pagesOfStored } from "./rebuild/transaction-pages.ts"
import { inParallel } from "./sweeper/in-parallel.ts"
import { observe } from "./sweeper/observe.ts"

export interface AuditCheckOptions {
  pool: Pool
  /** No worker is needed: histories are replayed here. */
  client: Client
  /** All unless said. */
  tenant?: string
}

export type AuditDifference = TransactionKey & DecisionDifference

export interface AuditCheck {
  checked: number
  /** Temporal has no history of them: never started, or past its retention. */
  expired: number
  differences: AuditDifference[]
  /** Whose history this build cannot replay. */
  failed: (TransactionKey & { reason: string })[]
}

/** Histories that are fetched while one is replayed. */
const WIDTH = 4
/** A decision that was taken just now gets its row within moments; one that still has none after this many looks never will. */
const LOOKS = 4
const BETWEEN_LOOKS_MS = 250

/**
 * Compares the audit trail with Temporal's histories, of all transactions that Temporal still has. Each history is
 * replayed by this build's engine, which tells what it decided on: what was sent and refused is no decision.
 *
 * @throws Error when Temporal or Postgres cannot be asked.
 */
export async function checkAudit({ tenant, ...project }: AuditCheckOptions): Promise<AuditCheck> {
  const result: AuditCheck = { checked: 0, expired: 0, differences: [], failed: [] }
  const replayer = createReplayer()
  const context = { ...project, replayer }
  const work = async (key: TransactionKey) => {
    const found = await comparePatiently(context, key)
    result.checked++
    if (found === "expired") result.expired++
    else if ("reason" in found) result.failed.push({ ...key, ...found })
    else result.differences.push(...found.map((difference) => ({ ...key, ...difference })))
  }
  try {
    for await (const keys of pagesOfStored(context.pool, tenant)) await inParallel(keys, WIDTH, work)
    for await (const keys of pagesOfRowless(context, tenant)) await inParallel(keys, WIDTH, work)
    return result
  } finally {
    await replayer.close()
  }
}

interface CheckContext {
  pool: Pool
  client: Client
  replayer: Replayer
}

type Found = DecisionDifference[] | "expired" | { reason: string }

async function comparePatiently(context: CheckContext, key: TransactionKey): Promise<Found> {
  for (let look = 1; ; look++) {
    const found = await compare(context, key)
    if (found !== "between_runs" && (!Array.isArray(found) || found.length === 0 || look === LOOKS))
      return found
    if (look === LOOKS) return { reason: "it goes on in new runs all the time: check it again" }
    await sleep(BETWEEN_LOOKS_MS)
  }
}

async function compare(
  { pool, client, replayer }: CheckContext,
  key: TransactionKey,
): Promise<Found | "between_runs"> {
  const workflowId = toWorkflowId(key.tenant, key.transaction_id)
  const observed = await observe(client, workflowId)
  if (observed.kind === "missing") return "expired"
  if (observed.kind === "between_runs") return "between_runs"
  const runs = await readRuns(client, { workflowId, current: observed.run.run_id })
  try {
    const { told } = await derive(replayer, workflowId, runs)
    const decisions = told.flat().flatMap((change) => change.decisions)
    return compareDecisions(decisions, await listAuditedDecisions(pool, key), startOf(runs))
  } catch (thrown) {
    if (!(thrown instanceof UnreplayableHistory)) throw thrown
    return { reason: `this build cannot replay its history: ${thrown.message}` }
  }
}

/** Of the earliest run, in milliseconds. */
function startOf(runs: readonly RecordedRun[]): number {
  return Math.min(
    ...runs.map(({ history }) => {
      const at = history.events?.[0]?.eventTime
      return Number(at?.seconds ?? 0) * 1_000 + Math.floor((at?.nanos ?? 0) / 1_000_000)
    }),
  )
}
