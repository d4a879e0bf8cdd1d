import { setTimeout as sleep } from "node:timers/promises"
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import { isEndStatus } from "../contract/statuses.ts"
import { type FieldDifference, findDifferences } from "../store/mirror/differences.ts"
import { readMirror, type StoredMirror, toView } from "../store/mirror/read-mirror.ts"
import type { TransactionKey } from "../store/queries/transaction-key.ts"
import { listTransactionKeys } from "../store/queries/list-transaction-keys.ts"
import { inParallel } from "./sweeper/in-parallel.ts"
import { askView, observe } from "./sweeper/observe.ts"
import { settleView } from "./sweeper/settle.ts"

export interface MirrorCheckOptions {
  pool: Pool
  /** A worker must poll: every workflow, closed ones too, is asked for its state. */
  client: Client
  /** All unless said. */
  tenant?: string
}

export interface Difference extends FieldDifference {
  tenant: string
  transaction_id: string
}

export interface MirrorCheck {
  checked: number
  /** Ended and past Temporal's retention: nothing to compare with. */
  expired: number
  differences: Difference[]
}

const PAGE = 200
const WIDTH = 8
/** A transaction that moves differs for moments; one that still differs after this many looks lies. */
const LOOKS = 4
const BETWEEN_LOOKS_MS = 250

/**
 * Compares every stored transaction with Temporal, field by field. Never heals.
 *
 * @throws Error when no worker answers, or the client's or the pool's error.
 */
export async function checkMirror({ pool, client, tenant }: MirrorCheckOptions): Promise<MirrorCheck> {
  const result: MirrorCheck = { checked: 0, expired: 0, differences: [] }
  const asked: Asked = { answers: 0, silences: 0 }
  let after: TransactionKey = { tenant: "", transaction_id: "" }
  for (;;) {
    const keys = await listTransactionKeys(pool, { tenant: tenant ?? null, after, limit: PAGE })
    await inParallel(keys, WIDTH, async (key) => {
      if (isSilent(asked)) return
      const found = await checkPatiently({ pool, client, asked }, key)
      result.checked++
      if (found === "expired") result.expired++
      else result.differences.push(...found.map((difference) => ({ ...key, ...difference })))
    })
    if (isSilent(asked))
      throw new Error("no worker answers: the check asks every workflow, so a worker must run")
    const last = keys.at(-1)
    if (!last || keys.length < PAGE) return result
    after = last
  }
}

type Found = FieldDifference[] | "expired"

/** Who was asked for a view so far. */
interface Asked {
  answers: number
  silences: number
}

interface CheckContext {
  pool: Pool
  client: Client
  asked: Asked
}

/** One run that never answers is a difference; nobody who answers is no worker. */
function isSilent({ answers, silences }: Asked): boolean {
  return answers === 0 && silences > 0
}

async function checkPatiently(context: CheckContext, key: TransactionKey): Promise<Found> {
  for (let look = 1; ; look++) {
    const stored = await readMirror(context.pool, key)
    const found = stored ? await compare(context, stored) : []
    if (found === "expired" || found.length === 0 || look === LOOKS || isSilent(context.asked)) return found
    await sleep(BETWEEN_LOOKS_MS)
  }
}

async function compare({ client, asked }: CheckContext, stored: StoredMirror): Promise<Found> {
  const { workflow_id, is_dispatched, row } = stored.transaction
  if (!is_dispatched) return []
  const observed = await observe(client, workflow_id)
  if (observed.kind === "missing")
    return isEndStatus(row.status) ? "expired" : [workflowDifference(row.status, "missing")]
  if (observed.kind === "between_runs") return [workflowDifference(row.status, "between two runs")]
  const answer = await askView(client, observed.run)
  if (answer.kind === "away") asked.silences++
  else asked.answers++
  const isLost = observed.kind === "closed" && observed.closing.kind === "lost"
  if (answer.kind !== "view" && !(answer.kind === "unanswerable" && isLost))
    return [workflowDifference(row.status, answer.error.message)]
  const view = answer.kind === "view" ? answer.view : toView(stored)
  if (observed.kind === "open") return findDifferences(view, stored)
  const close = { closing: observed.closing, closed_at: observed.run.closed_at ?? 0 }
  return findDifferences(settleView(view, close), stored)
}

function workflowDifference(mirror: string, temporal: string): FieldDifference {
  return { entity: "transaction", key: "", field: "workflow", mirror, temporal }
}
