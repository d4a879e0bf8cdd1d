import { createHash } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import type { Client, Pool } from "pg"
import { LOCK_CLASS, LOCK_MIGRATE } from "./advisory-locks.ts"
import { ensurePartitions } from "./partitions.ts"
import { openConnection } from "./pool.ts"

/** From `src/store` and from `dist/store` alike. */
const MIGRATIONS = new URL("../../src/store/migrations/", import.meta.url)

export interface Migration {
  number: number
  name: string
  sql: string
  /** sha256 of the file, hex. */
  checksum: string
}

interface Applied {
  number: number
  name: string
  checksum: string
}

/**
 * Brings the schema up to date: numbered `.sql` files, one transaction each. Several processes may call it at
 * once; they wait for each other. Then makes the partitions of the coming months.
 *
 * @returns the names of the migrations it applied.
 * @throws Error when an applied migration was changed, or when the schema is newer than this build.
 */
export async function migrate(pool: Pool, folder: URL = MIGRATIONS): Promise<string[]> {
  const migrations = await readMigrations(folder)
  // The lock ends with its connection, which is why it does not come from the pool.
  const client = await openConnection(pool, () => {})
  try {
    await client.query("select pg_advisory_lock($1, $2)", [LOCK_CLASS, LOCK_MIGRATE])
    const applied = await readApplied(client)
    const due = planMigrations(migrations, applied)
    for (const migration of due) await apply(client, migration)
    await ensurePartitions(pool)
    return due.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

/**
 * For processes that may not change the schema: the names of the migrations that are not applied yet.
 * @throws Error as `migrate` says.
 */
export async function findDueMigrations(pool: Pool, folder: URL = MIGRATIONS): Promise<string[]> {
  const migrations = await readMigrations(folder)
  const { rows } = await pool.query<{ is_there: boolean }>(
    `select to_regclass('schema_migration') is not null as is_there`,
  )
  const applied = rows[0]?.is_there === true ? await listApplied(pool) : []
  return planMigrations(migrations, applied).map(({ name }) => name)
}

/** @throws Error as `migrate` says. */
export function planMigrations(migrations: Migration[], applied: Applied[]): Migration[] {
  const newest = migrations.at(-1)?.number ?? 0
  const known = new Map(migrations.map((migration) => [migration.number, migration]))
  for (const { number, name, checksum } of applied) {
    if (number > newest) {
      throw new Error(
        `the database schema is newer than this build: it has migration ${name}, this build ends at ${newest}. Start a newer Holdfast, or use another database.`,
      )
    }
    const migration = known.get(number)
    if (migration?.checksum === checksum) continue
    throw new Error(
      `migration ${name} was changed after it had been applied to this database. A released migration is never edited: restore the file, or start with an empty database.`,
    )
  }
  const done = new Set(applied.map(({ number }) => number))
  return migrations.filter(({ number }) => !done.has(number))
}

export async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted()
  return Promise.all(
    names.map(async (name, position) => {
      const number = Number(/^(\d{4})_/.exec(name)?.[1])
      if (number !== position + 1)
        throw new Error(
          `migration ${name} should be number ${position + 1}: names are 0001_word.sql, without gaps`,
        )
      const sql = await readFile(new URL(name, folder), "utf8")
      return { number, name, sql, checksum: createHash("sha256").update(sql).digest("hex") }
    }),
  )
}

async function readApplied(client: Client): Promise<Applied[]> {
  await client.query(
    `create table if not exists schema_migration (
       number     integer primary key,
       name       text not null,
       checksum   text not null,
       applied_at timestamptz not null default now()
     )`,
  )
  return listApplied(client)
}

async function listApplied(db: Pick<Pool, "query">): Promise<Applied[]> {
  const { rows } = await db.query<Applied>(
    "select number, name, checksum from schema_migration order by number",
  )
  return rows
}

async function apply(client: Client, { number, name, sql, checksum }: Migration): Promise<void> {
  await client.query("begin")
  try {
    await client.query(sql)
    await client.query("insert into schema_migration (number, name, checksum) values ($1, $2, $3)", [
      number,
      name,
      checksum,
    ])
    await client.query("commit")
  } catch (thrown) {
    await client.query("rollback")
    throw new Error(`migration ${name} could not be applied`, { cause: thrown })
  }
}
