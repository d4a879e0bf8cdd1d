import type { Client, Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { Pending } from "../../src/store/mirror/pending.ts"
import { writeBatch } from "../../src/store/mirror/write-batch.ts"
import { createPool, openConnection } from "../../src/store/pool.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { mirrorChange, taskRow, transactionRow } from "../helpers/mirror-rows.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"

let database: TestDatabase
let pool: Pool
let client: Client
let pending: Pending
let culprits: unknown[]
let answers: number

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({ url: database.url })
  client = await openConnection(pool, () => {})
  pending = new Pending(1_000)
  culprits = []
  answers = 0
  await pool.query(`
    create function take_time() returns trigger language plpgsql as $$
      begin perform pg_sleep(0.2); return new; end $$;
    create trigger take_time before insert on txn_task for each row execute function take_time()`)
})

afterEach(async () => {
  await client.end()
  await pool.end()
  await database.drop()
})

/** A task's row takes 200 ms. */
async function write({ patienceMs }: { patienceMs: number }): Promise<void> {
  await client.query(`set statement_timeout = ${patienceMs}`)
  await writeBatch(client, pending.take(1_000), {
    secrets: undefined,
    onAnswer: () => answers++,
    onCulprit: (culprit) => culprits.push(culprit),
  })
}

async function stored(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    "select instance_id || ' ' || path as name from txn_task order by name",
  )
  return rows.map(({ name }) => name)
}

describe("writeBatch(), while Postgres is slow", () => {
  test("writes in pieces what takes too long at once", async () => {
    const names = ["order_1", "order_2", "order_3", "order_4", "order_5"]
    for (const transaction_id of names) pending.add(mirrorChange({ transaction_id, tasks: [taskRow()] }))
    await write({ patienceMs: 700 })
    expect(await stored()).toEqual(names.map((name) => `${name} pay`))
    expect(culprits).toEqual([])
    // Each of five transactions, the whole that was too much, and two halves.
    expect(answers).toBeGreaterThanOrEqual(8)
  })

  test("writes one transaction row by row, its end last", async () => {
    await insertStoredTransaction(pool)
    const tasks = ["a", "b", "c", "d", "e"].map((path) => taskRow({ path, status: "success" }))
    pending.add(mirrorChange({ tasks, transaction: transactionRow({ status: "success" }) }))
    await write({ patienceMs: 700 })
    expect(await stored()).toEqual(tasks.map(({ path }) => `order_1 ${path}`))
    const { rows } = await pool.query("select status from txn")
    expect(rows).toEqual([{ status: "success" }])
    expect(culprits).toEqual([])
  })

  test("gives up where one row alone takes too long, and blames no row", async () => {
    pending.add(mirrorChange({ tasks: [taskRow()] }))
    await expect(write({ patienceMs: 50 })).rejects.toThrow("statement timeout")
    expect(culprits).toEqual([])
    expect(await stored()).toEqual([])
  })
})
