import type { Pool, PoolClient } from "pg"
import { LOCK_CLASS, LOCK_PARTITIONS } from "./advisory-locks.ts"

/** Months are made this far ahead, so that a sweeper may be away for weeks. */
const MONTHS_AHEAD = 2

/** Tables that grow, by the column of time that splits them. */
const PARTITIONED = { txn_attempt: "started_at", event: "at" } as const
type PartitionedTable = keyof typeof PARTITIONED

/**
 * Makes the monthly partitions of the tables that grow for this month and the next two (UTC). Rows that fell into the
 * default partition meanwhile move into theirs. Safe to call from several processes at once.
 *
 * @returns the names of the partitions it made.
 */
export async function ensurePartitions(pool: Pool, now: Date = new Date()): Promise<string[]> {
  const client = await pool.connect()
  const made: string[] = []
  try {
    for (const table of await listPartitioned(client)) {
      for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead++) {
        const month = toMonth(table, now, ahead)
        if (await makePartition(client, month)) made.push(month.name)
      }
    }
    return made
  } finally {
    client.release()
  }
}

/** Those that this schema has: an older one has fewer. */
async function listPartitioned(client: PoolClient): Promise<PartitionedTable[]> {
  const { rows } = await client.query<{ name: PartitionedTable }>(
    "select name from unnest($1::text[]) as name where to_regclass(name) is not null",
    [Object.keys(PARTITIONED)],
  )
  return rows.map(({ name }) => name)
}

interface Month {
  table: PartitionedTable
  name: string
  from: string
  until: string
}

export function toMonth(table: PartitionedTable, now: Date, ahead: number): Month {
  const from = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1))
  const until = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead + 1, 1))
  const [year, month] = from.toISOString().split("-")
  return { table, name: `${table}_${year}_${month}`, from: from.toISOString(), until: until.toISOString() }
}

/** Filled before it is attached: Postgres refuses a partition whose rows the default one still holds. */
async function makePartition(client: PoolClient, { table, name, from, until }: Month): Promise<boolean> {
  const column = PARTITIONED[table]
  await client.query("begin")
  try {
    await client.query("select pg_advisory_xact_lock($1, $2)", [LOCK_CLASS, LOCK_PARTITIONS])
    const known = await client.query<{ known: boolean }>("select to_regclass($1) is not null as known", [
      name,
    ])
    if (known.rows[0]?.known !== true) {
      await client.query(`create table ${name} (like ${table} including defaults including constraints)`)
      await client.query(`lock table ${table}_default in access exclusive mode`)
      await client.query(
        `with moved as (delete from ${table}_default where ${column} >= '${from}' and ${column} < '${until}' returning *)
         insert into ${name} select * from moved`,
      )
      await client.query(
        `alter table ${table} attach partition ${name} for values from ('${from}') to ('${until}')`,
      )
    }
    await client.query("commit")
    return known.rows[0]?.known !== true
  } catch (thrown) {
    await client.query("rollback")
    throw thrown
  }
}
