/** Our own Postgres is killed, and its default does not wait for the disk. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Pool } from "pg"
import { afterEach, beforeEach, expect, test } from "vitest"
import { type LocalPostgres, startPostgres } from "../../src/local/postgres.ts"
import { migrate } from "../../src/store/migrate.ts"
import { createMirrorWriter } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { attemptRow, mirrorChange, taskRow, transactionRow } from "../helpers/mirror-rows.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"

let stateDir: string
let postgres: LocalPostgres
let pool: Pool

const start = (preferredPort?: number): Promise<LocalPostgres> =>
  startPostgres({
    stateDir,
    environment: process.env,
    say: () => {},
    state: "kept",
    ...(preferredPort === undefined ? {} : { preferredPort }),
  })

beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), "holdfast-crash-"))
  postgres = await start()
  pool = createPool({ url: postgres.url })
  await migrate(pool)
  // What nobody waits for is put on the disk as late as a server may be told to.
  for (const setting of [
    "synchronous_commit = off",
    "wal_writer_delay = '10s'",
    "wal_writer_flush_after = 0",
  ])
    await pool.query(`alter system set ${setting}`)
  await pool.query("select pg_reload_conf()")
})
afterEach(async () => {
  await pool.end()
  await postgres.stop()
  await rm(stateDir, { recursive: true, force: true })
})

test("what the mirror wrote is there after a crash of Postgres", async () => {
  await insertStoredTransaction(pool)
  const writer = createMirrorWriter({ pool, logger: createListeningLogger() })
  writer.push(mirrorChange({ history_length: 3, transaction: transactionRow(), tasks: [taskRow()] }))
  await writer.flush()
  writer.attempt(attemptRow())
  writer.push(mirrorChange({ history_length: 9, tasks: [taskRow({ status: "success" })] }))
  await writer.flush()
  process.kill(postgres.pid, "SIGKILL")
  await postgres.stop()
  postgres = await start(postgres.port)
  const { rows } = await pool.query(
    "select status, (select count(*) from txn_attempt) as attempts from txn_task",
  )
  expect(rows).toEqual([{ status: "success", attempts: 1 }])
  await writer.close()
})
