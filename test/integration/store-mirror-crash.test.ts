/** Our own Postgres is killed: what it had acknowledged, and not yet put on its disk, is gone. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Pool } from "pg"
import { afterEach, beforeEach, expect, test } from "vitest"
import { type LocalPostgres, startPostgres } from "../../src/local/postgres.ts"
import { migrate } from "../../src/store/migrate.ts"
import { createMirrorWriter } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { attemptRow, mirrorChange, taskRow, transactionRow } from "../helpers/mirror-rows.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { until } from "../helpers/until.ts"

const TRANSACTIONS = 20

let stateDir: string
let postgres: LocalPostgres
let pool: Pool
/** The writer's way leads through it: it cannot write before we have seen what is gone. */
let gate: TcpGate
let gatedPool: Pool

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
  const url = new URL(postgres.url)
  gate = await openTcpGate({ host: url.hostname, port: Number(url.port) })
  url.port = String(gate.port)
  gatedPool = createPool({ url: url.href })
  await migrate(pool)
  // Unless somebody asks for it, nothing is put on the disk for as long as a server may be told to wait.
  await pool.query("alter system set wal_writer_delay = '10s'")
  await pool.query("alter system set wal_writer_flush_after = 0")
  await pool.query("select pg_reload_conf()")
})
afterEach(async () => {
  await Promise.all([gatedPool.end(), pool.end()])
  await gate.close()
  await postgres.stop()
  await rm(stateDir, { recursive: true, force: true })
})

test("is written again, also where a run that went on has only told what is new since", async () => {
  const ids = Array.from({ length: TRANSACTIONS }, (_, at) => `order_${at}`)
  for (const instanceId of ids) await insertStoredTransaction(pool, { instanceId })
  const writer = createMirrorWriter({ pool: gatedPool, logger: createListeningLogger() })
  const told = (change: Parameters<typeof mirrorChange>[0]) => {
    for (const transaction_id of ids) writer.push(mirrorChange({ ...change, transaction_id }))
    return writer.flush()
  }
  await told({ history_length: 3, transaction: transactionRow(), tasks: [taskRow()] })
  for (const transaction_id of ids) writer.attempt(attemptRow({ transaction_id }))
  await told({ history_length: 9, tasks: [taskRow({ status: "success", outcome: "executed" })] })
  gate.shut()
  process.kill(postgres.pid, "SIGKILL")
  await postgres.stop()
  postgres = await start(postgres.port)
  // Else the crash took nothing, and nothing would be shown.
  const gone = await countLost()
  expect(gone.tasks).toBeGreaterThan(0)
  expect(gone.attempts).toBeGreaterThan(0)
  gate.open()
  await told({ history_length: 15, transaction: transactionRow({ status: "success" }) })
  await until(countLost, (lost) => lost.tasks === 0 && lost.attempts === 0)
  await writer.close()
  const { rows } = await pool.query("select distinct status from txn")
  expect(rows).toEqual([{ status: "success" }])
})

async function countLost(): Promise<{ tasks: number; attempts: number }> {
  const { rows } = await pool.query<{ tasks: number; attempts: number }>(`
    select count(*) filter (where t.status is distinct from 'success') as tasks,
      count(*) filter (where not exists (
        select from txn_attempt a where a.tenant_id = txn.tenant_id and a.instance_id = txn.instance_id)) as attempts
    from txn left join txn_task t using (tenant_id, instance_id)`)
  return rows[0] ?? { tasks: -1, attempts: -1 }
}
