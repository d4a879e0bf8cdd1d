import { setTimeout as sleep } from "node:timers/promises"
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import { toWorkflowId } from "../contract/names.ts"
import { listAuditedDecisions } from "../store/queries/list-audited-decisions.ts"
import { listAuditedStrangers } from "../store/queries/list-audited-strangers.ts"
import { listWrittenAfter } from "../store/queries/list-written-after.ts"
import type { TransactionKey } from "../store/queries/transaction-key.ts"
import { compareDecisions, type DecisionDifference } from "./audit/compare-decisions.ts"
import { derive } from "./rebuild/derive.ts"
import { isFirst, readRuns, type RecordedRun } from "./rebuild/read-runs.ts"
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
  /** Decisions in the audit trail that nothing in Temporal can say anything of. */
  unchecked: (TransactionKey & { rows: number; reason: string })[]
  /** Whose history this build cannot replay. */
  failed: (TransactionKey & { reason: string })[]
}

const BEFORE_HISTORY = "older than what Temporal has of it"
const NO_HISTORY = "neither stored nor in Temporal: deleted by retention, or never there"

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
  const result: AuditCheck = { checked: 0, expired: 0, differences: [], unchecked: [], failed: [] }
  const replayer = createReplayer()
  const context = { ...project, replayer }
  const work = async (key: TransactionKey) => {
    const found = await comparePatiently(context, key)
    result.checked++
    if (found === "expired") result.expired++
    else if ("reason" in found) result.failed.push({ ...key, ...found })
    else {
      result.differences.push(...found.differences.map((difference) => ({ ...key, ...difference })))
      if (found.older > 0) result.unchecked.push({ ...key, rows: found.older, reason: BEFORE_HISTORY })
    }
  }
  try {
    for await (const keys of pagesOfStored(context.pool, tenant)) await inParallel(keys, WIDTH, work)
    const rowless = new Set<string>()
    for await (const keys of pagesOfRowless(context, tenant)) {
      for (const key of keys) rowless.add(nameOf(key))
      await inParallel(keys, WIDTH, work)
    }
    for (const stranger of await listAuditedStrangers(context.pool, tenant ?? null))
      if (!rowless.has(nameOf(stranger))) result.unchecked.push({ ...stranger, reason: NO_HISTORY })
    return result
  } finally {
    await replayer.close()
  }
}

/** A tenant's name has no slash. */
function nameOf({ tenant, transaction_id }: TransactionKey): string {
  return `${tenant}/${transaction_id}`
}

interface CheckContext {
  pool: Pool
  client: Client
  replayer: Replayer
}

interface Compared {
  differences: DecisionDifference[]
  /** Rows from before the runs that are left. */
  older: number
}

type Found = Compared | "expired" | { reason: string }

async function comparePatiently(context: CheckContext, key: TransactionKey): Promise<Found> {
  for (let look = 1; ; look++) {
    const found = await compare(context, key)
    if (found !== "between_runs" && (isSettled(found) || look === LOOKS)) return found
    if (look === LOOKS) return { reason: "it goes on in new runs all the time: check it again" }
    await sleep(BETWEEN_LOOKS_MS)
  }
}

function isSettled(found: Found): boolean {
  return found === "expired" || "reason" in found || found.differences.length === 0
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
    const since = startOf(runs)
    const audited = await listAuditedDecisions(pool, key)
    const { differences, older } = compareDecisions(decisions, audited, since)
    if (older.length === 0 || !runs.some(isFirst)) return { differences, older: older.length }
    // No run of it was before these: they are of an earlier transaction of the same id, which retention deleted, unless
    // they came into the trail when this one was there already.
    const seqs = older.map(({ seq }) => seq)
    const late = await listWrittenAfter(pool, { tenant: key.tenant, seqs, since })
    const slippedIn = older.filter(({ seq }) => late.has(seq))
    return { differences: [...differences, ...slippedIn], older: older.length - slippedIn.length }
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
