import { setTimeout as sleep } from "node:timers/promises"
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import type { Logger } from "../store/logger.ts"
import { createMirrorWriter } from "../store/mirror/writer.ts"
import type { TransactionKey } from "../store/queries/transaction-key.ts"
import { type RebuildContext, rebuildTransaction, type Rebuilt } from "./rebuild/rebuild-transaction.ts"
import { createReplayer } from "./rebuild/replayer.ts"
import { pagesOfRowless, pagesOfStored } from "./rebuild/transaction-pages.ts"
import { inParallel } from "./sweeper/in-parallel.ts"

export interface MirrorRebuildOptions {
  pool: Pool
  /** No worker is needed: histories are replayed here. */
  client: Client
  logger: Logger
  /** Only this one's transactions. */
  tenant?: string
  /** Only this one; of the tenant above. */
  transaction?: TransactionKey
}

export interface MirrorRebuild {
  /** Rows differed, or were missing, and are as Temporal's histories say now. */
  rebuilt: number
  unchanged: number
  /** Ended and past Temporal's retention: left as they are. */
  expired: number
  failed: (TransactionKey & { reason: string })[]
}

/** Histories that are fetched and written while one is replayed. */
const WIDTH = 4
/** One that moves is compared anew; after so many looks it is given up. */
const LOOKS = 4
const BETWEEN_LOOKS_MS = 250

/**
 * Derives the mirror's rows from Temporal's histories: of every stored transaction, then of those whose row is gone.
 *
 * @throws Error when Temporal or Postgres cannot be asked; what was done until then stays.
 */
export async function rebuildMirror({
  tenant,
  transaction,
  ...project
}: MirrorRebuildOptions): Promise<MirrorRebuild> {
  const result: MirrorRebuild = { rebuilt: 0, unchanged: 0, expired: 0, failed: [] }
  const writer = createMirrorWriter(project)
  const replayer = createReplayer()
  const context = { ...project, writer, replayer }
  const work = async (key: TransactionKey) => count(result, key, await rebuildPatiently(context, key))
  try {
    if (transaction) await work(transaction)
    else {
      for await (const keys of pagesOfStored(context.pool, tenant)) await inParallel(keys, WIDTH, work)
      for await (const keys of pagesOfRowless(context, tenant)) await inParallel(keys, WIDTH, work)
    }
    return result
  } finally {
    await writer.close().finally(() => replayer.close())
  }
}

function count(result: MirrorRebuild, key: TransactionKey, rebuilt: Rebuilt): void {
  const { tenant, transaction_id } = key
  switch (rebuilt.kind) {
    case "rebuilt":
    case "unchanged":
    case "expired":
      result[rebuilt.kind]++
      return
    case "failed":
      result.failed.push({ tenant, transaction_id, reason: rebuilt.reason })
      return
    case "moved":
      result.failed.push({ tenant, transaction_id, reason: "it moves on all the time: rebuild it again" })
      return
    // Nobody has it: there is nothing to rebuild.
    case "unknown":
  }
}

async function rebuildPatiently(context: RebuildContext, key: TransactionKey): Promise<Rebuilt> {
  for (let look = 1; ; look++) {
    const rebuilt = await rebuildTransaction(context, key)
    if (rebuilt.kind !== "moved" || look === LOOKS) return rebuilt
    await sleep(BETWEEN_LOOKS_MS)
  }
}
