import type { Pool } from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createPool } from "../../src/store/pool.ts"
import { analyzeNewTables } from "../../src/store/queries/analyze-new-tables.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"

let database: TestDatabase
let pool: Pool

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({ url: database.url, max: 2 })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

/** As the mirror's writer finds a transaction's row: by a generic plan, with no table read whole. */
async function indexOfMirrorJoin(): Promise<string> {
  const client = await pool.connect()
  try {
    await client.query(
      `set plan_cache_mode = force_generic_plan; set enable_hashjoin = off; set enable_mergejoin = off;
       set enable_seqscan = off; set enable_bitmapscan = off`,
    )
    const { rows } = await client.query<{ "QUERY PLAN": string }>(
      `explain select txn.resets from json_to_recordset('[]') as r (tenant_id text, instance_id text)
       left join txn on txn.tenant_id = r.tenant_id and txn.instance_id = r.instance_id`,
    )
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n")
    return /using (\S+) on txn/.exec(plan)?.[1] ?? plan
  } finally {
    client.release(true)
  }
}

test("a table that grew gets statistics once, so that rows are found by their key", async () => {
  expect(await analyzeNewTables(pool)).toEqual([])
  await pool.query(
    `insert into txn (tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params, request_hash, actor)
     select 'default', 'i' || n, 'default/i' || n, '1', 'order', 1, 'h', '{}', 'h', 'a' from generate_series(1, 400) as n`,
  )
  expect(await analyzeNewTables(pool)).toEqual(["txn"])
  expect(await indexOfMirrorJoin()).toBe("txn_pkey")
  expect(await analyzeNewTables(pool)).toEqual([])
})
