import { randomUUID } from "node:crypto"
import type { Pool } from "pg"
import { startTransaction } from "../api-client.ts"
import type { Options } from "../options.ts"
import type { Product, Stage } from "../stage.ts"

/** What a scenario found, in the order in which it is printed. */
export interface Finding {
  what: string
  measured: string
}

export interface World {
  stage: Stage
  product: Product
  apiUrl: string
  /** On the mirror. */
  pool: Pool
  options: Options
}

interface ProductScenario {
  title: string
  /** On servers and a Holdfast process of its own. @throws when what it is about did not happen. */
  run: (world: World) => Promise<Finding[]>
}

/** It brings what it needs. */
interface LoneScenario {
  title: string
  runAlone: (options: Options) => Promise<Finding[]>
}

export type Scenario = ProductScenario | LoneScenario

/** A page of people and programs that call at once. */
const CALLERS = 50

/** Starts so many transactions and returns their ids. */
export async function startMany(apiUrl: string, flow: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  await callAll(ids, (instance_id) => startTransaction(apiUrl, { instance_id, flow_id: flow, params: {} }))
  return ids
}

export async function callAll<Item>(
  items: readonly Item[],
  call: (item: Item) => Promise<unknown>,
): Promise<void> {
  const queue = items.values()
  const caller = async () => {
    for (const item of queue) await call(item)
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}

export async function countStatus(pool: Pool, status: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    "select count(*)::integer as count from txn where status = $1",
    [status],
  )
  return rows[0]?.count ?? 0
}

export const seconds = (sinceMs: number): string => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
