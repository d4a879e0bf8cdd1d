import type { Pool, PoolClient } from "pg"

export interface DropOptions {
  /** Events older than that are forgotten, by whole months: some stay a month longer. None unless said. */
  eventsOlderThanMs?: number | undefined
  now?: Date
}

interface PastMonth {
  /** Of the partition; made by `partitions.ts`, so that it needs no quotes. */
  name: string
  table: string
  endedAt: number
}

/**
 * Drops past months: of `event` when all in them is older than asked for, of every table when nothing is in them any
 * more, since the purge has taken it.
 *
 * @returns the names of what it dropped.
 */
export async function dropPartitions(pool: Pool, options: DropOptions = {}): Promise<string[]> {
  const { eventsOlderThanMs, now = new Date() } = options
  const client = await pool.connect()
  const dropped: string[] = []
  try {
    for (const month of await listPastMonths(client, now)) {
      const isOutdated =
        month.table === "event" &&
        eventsOlderThanMs !== undefined &&
        month.endedAt <= now.getTime() - eventsOlderThanMs
      if (!isOutdated && !(await isEmpty(client, month.name))) continue
      if (await drop(client, month, isOutdated)) dropped.push(month.name)
    }
    return dropped
  } finally {
    client.release()
  }
}

async function listPastMonths(client: PoolClient, now: Date): Promise<PastMonth[]> {
  const { rows } = await client.query<{ name: string; table: string }>(`
    select child.relname as name, parent.relname as table
    from pg_inherits
    join pg_class child on child.oid = inhrelid
    join pg_class parent on parent.oid = inhparent
    where child.relnamespace = current_schema()::regnamespace and child.relkind = 'r'
    order by child.relname`)
  return rows.flatMap(({ name, table }) => {
    const [, year, month] = /_(\d{4})_(\d{2})$/.exec(name) ?? []
    if (year === undefined) return []
    const endedAt = Date.UTC(Number(year), Number(month), 1)
    return endedAt <= now.getTime() ? [{ name, table, endedAt }] : []
  })
}

async function isEmpty(client: PoolClient, name: string): Promise<boolean> {
  const { rows } = await client.query(`select from ${name} limit 1`)
  return rows.length === 0
}

/** The parent first, as those who write do. Whoever uses the table waits meanwhile: not for long, or not today. */
async function drop(client: PoolClient, { name, table }: PastMonth, withRows: boolean): Promise<boolean> {
  await client.query("begin; set local lock_timeout = '2s'")
  try {
    await client.query(`lock table ${table} in access exclusive mode`)
    const isDropped = withRows || (await isEmpty(client, name))
    if (isDropped) await client.query(`drop table ${name}`)
    await client.query("commit")
    return isDropped
  } catch (thrown) {
    await client.query("rollback")
    throw thrown
  }
}
