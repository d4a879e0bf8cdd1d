/** What the migration to exception groups makes of rows that are there. */
import { copyFile, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import { expect, onTestFinished, test } from "vitest"
import { migrate, readMigrations } from "../../src/store/migrate.ts"
import { createMirrorWriter } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { exceptionRow, mirrorChange } from "../helpers/mirror-rows.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"

const MIGRATIONS = new URL("../../src/store/migrations/", import.meta.url)

test("puts exceptions that are there into the group that new ones of the same kind get", async () => {
  const database = await createTestDatabase("empty")
  const pool = createPool({ url: database.url })
  const folder = await mkdtemp(path.join(tmpdir(), "migrations-"))
  const writer = createMirrorWriter({ pool, logger: createListeningLogger() })
  onTestFinished(async () => {
    await writer.close()
    await pool.end()
    await database.drop()
    await rm(folder, { recursive: true })
  })
  const add = (name: string) => copyFile(new URL(name, MIGRATIONS), path.join(folder, name))
  const names = (await readMigrations(MIGRATIONS)).map(({ name }) => name)
  const at = names.findIndex((name) => name.endsWith("_exception_inbox.sql"))
  for (const name of names.slice(0, at)) await add(name)
  await migrate(pool, pathToFileURL(`${folder}/`))
  await insertStoredTransaction(pool)
  const insert = (instanceId: string, message: string) =>
    pool.query(
      `insert into exception (tenant_id, instance_id, path, operation, generation, kind, severity, state, code, message,
         outcome, occurrence, retry_safe, retry_safe_reason, suggested_actions, occurred_at, resets, chain, seq)
       values ('default', $1, 'pay', 'do', 7, 'rejected', 'error', 'open', 'HTTP_422', $2, 'rejected', 1, true, '', '{}',
         now(), 0, 0, 1)`,
      [instanceId, message],
    )
  await insert("order_1", "订单 17 需要 100.50 元")
  await insert("lost", "no row of its transaction")
  for (const name of names.slice(at)) await add(name)
  await migrate(pool, pathToFileURL(`${folder}/`))

  const message = "订单 4 需要 9 元"
  writer.push(mirrorChange({ exceptions: [exceptionRow({ kind: "rejected", code: "HTTP_422", message })] }))
  await writer.flush()
  const { rows } = await pool.query<{ message_shape: string; group_hash: string | null }>(
    "select message_shape, group_hash from exception order by id",
  )
  const [migrated, lost, written] = rows
  expect(migrated?.message_shape).toBe("订单 <n> 需要 <n> 元")
  expect(lost).toEqual({ message_shape: "no row of its transaction", group_hash: null })
  expect(written).toEqual(migrated)
})
