import { Client, type Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { EVENT_CHANNEL } from "../../src/store/events/insert-events.ts"
import { createMirrorWriter, type MirrorWriter } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { confirmEnd } from "../../src/store/queries/confirm-end.ts"
import { confirmEnds } from "../../src/store/queries/confirm-ends.ts"
import { handleException } from "../../src/store/queries/handle-exception.ts"
import { listEvents } from "../../src/store/queries/list-events.ts"
import { reopenTransaction } from "../../src/store/queries/reopen-transaction.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { decisionRow, exceptionRow, mirrorChange, taskRow, transactionRow } from "../helpers/mirror-rows.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"
import { until } from "../helpers/until.ts"

const ANN = { tenant: "default", actor: "ann", roles: [], update_id: null }
const KEY = { tenant: "default", instance_id: "order_1" }

let database: TestDatabase
let pool: Pool
let writers: MirrorWriter[]

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({ url: database.url })
  writers = []
  await insertStoredTransaction(pool)
})

afterEach(async () => {
  await Promise.all(writers.map((writer) => writer.close()))
  await pool.end()
  await database.drop()
})

function createWriter(): MirrorWriter {
  const writer = createMirrorWriter({ pool, logger: createListeningLogger() })
  writers.push(writer)
  return writer
}

async function write(...changes: Parameters<typeof mirrorChange>[0][]): Promise<void> {
  const writer = writers[0] ?? createWriter()
  for (const change of changes) writer.push(mirrorChange(change))
  await writer.flush()
}

const eventsAfter = (after: number) => listEvents(pool, { ...KEY, after, limit: 10_000 })

describe("events", () => {
  test("tell every row of a flush, the transaction's last", async () => {
    await write({
      transaction: transactionRow({ status: "blocked", version: 3, open_exceptions: 1 }),
      tasks: [taskRow({ status: "parked" }), taskRow({ path: "ship", index: 1, status: "success" })],
      exceptions: [exceptionRow()],
      decisions: [decisionRow()],
    })
    const events = await eventsAfter(0)
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ["task.updated", expect.objectContaining({ task_id: "pay", status: "parked", outcome: "unknown" })],
      ["task.updated", expect.objectContaining({ task_id: "ship", status: "success" })],
      ["exception.opened", expect.objectContaining({ task_id: "pay", kind: "retries_exhausted" })],
      ["decision.recorded", { decision_id: "d-1", action: "retry", task_id: "pay" }],
      [
        "transaction.updated",
        { status: "blocked", version: 3, paused: false, overdue: false, open_exceptions: 1 },
      ],
    ])
  })

  test("tell nothing of a row that came too late", async () => {
    await write({ history_length: 9, transaction: transactionRow({ version: 2 }), tasks: [taskRow()] })
    const [newest] = (await eventsAfter(0)).slice(-1)
    await write({ history_length: 3, transaction: transactionRow({ version: 1 }), tasks: [taskRow()] })
    expect(await eventsAfter(newest!.id)).toEqual([])
  })

  test("tell of what a complete change closes, and of tasks that a reset takes away", async () => {
    await write({ history_length: 9, tasks: [taskRow({ path: "ship" })], exceptions: [exceptionRow()] })
    const [newest] = (await eventsAfter(0)).slice(-1)
    await write({ run_id: "run-2", original_run_id: "run-1", complete: true, transaction: transactionRow() })
    const told = (await eventsAfter(newest!.id)).map(({ type, data }) => [
      type,
      data["status"] ?? data["state"],
    ])
    expect(told).toEqual([
      ["transaction.updated", "running"],
      ["task.updated", "pending"],
      ["exception.superseded", "superseded"],
    ])
  })

  test("tell that an end is final, that a transaction goes on, and that somebody took note", async () => {
    const end = { transaction: transactionRow({ status: "failed" as const }) }
    await write({ ...end, exceptions: [exceptionRow()] })
    const run = { tenant: "default", transaction_id: "order_1", run_id: "run-1" }
    expect(await confirmEnd(pool, run)).toBe(true)
    expect(await confirmEnd(pool, run)).toBe(false)
    await reopenTransaction(pool, { ...KEY, failed_run: "run-1", new_run: "run-2", resets: 0, chain: 1 })
    await write({ ...end, run_id: "run-2", chain: 1 })
    const closed = { workflow_id: "default/order_1", run_id: "run-2", statuses: ["failed"], least_seq: 0 }
    expect(await confirmEnds(pool, [closed])).toEqual(new Set(["run-2"]))
    const { rows } = await pool.query<{ id: number }>("select id from exception")
    const handling = { id: rows[0]!.id, remark: null, reason: null }
    expect(await handleException(pool, handling, ANN)).toBe(true)
    expect(await handleException(pool, { ...handling, id: 0 }, ANN)).toBe(false)
    expect((await eventsAfter(0)).map(({ type, data }) => [type, data["status"] ?? data["state"]])).toEqual([
      ["exception.opened", "open"],
      ["transaction.updated", "failed"],
      ["transaction.ended", "failed"],
      ["transaction.updated", "running"],
      ["transaction.updated", "failed"],
      ["transaction.ended", "failed"],
      ["exception.handled", "open"],
    ])
  })

  test("ring once a flush, with the highest id", async () => {
    const listener = new Client(database.url)
    await listener.connect()
    try {
      const rung: string[] = []
      listener.on("notification", ({ payload }) => void rung.push(payload ?? ""))
      await listener.query(`listen ${EVENT_CHANNEL}`)
      await write({ transaction: transactionRow(), tasks: [taskRow(), taskRow({ path: "ship", index: 1 })] })
      await until(
        () => rung.length,
        (count) => count > 0,
      )
      // What was rung before this answer has come with it.
      await listener.query("select 1")
      expect(rung).toEqual([String((await eventsAfter(0)).at(-1)?.id)])
    } finally {
      await listener.end()
    }
  })

  test("are read without a gap while others write and commit late", async () => {
    await write({ transaction: transactionRow() })
    const read: number[] = []
    const readOn = async () => {
      read.push(...(await eventsAfter(read.at(-1) ?? 0)).map(({ id }) => id))
    }
    const commitLate = async () => {
      const client = await pool.connect()
      try {
        for (let round = 0; round < 20; round++) {
          await client.query("begin")
          await reopenTransaction(client, {
            ...KEY,
            failed_run: "run-1",
            new_run: "run-1",
            resets: 0,
            chain: 1,
          })
          // Others commit meanwhile what they were given after it, if they can.
          await client.query("select pg_sleep(0.01)")
          await client.query("commit")
        }
      } finally {
        client.release()
      }
    }
    const writeTasks = async (writer: MirrorWriter, path: string) => {
      for (let round = 0; round < 60; round++) {
        writer.push(mirrorChange({ history_length: 3 + round, tasks: [taskRow({ path })] }))
        await writer.flush()
      }
    }
    const over = new AbortController()
    const reading = (async () => {
      for (;;) {
        if (over.signal.aborted) return
        await readOn()
      }
    })()
    try {
      await Promise.all([commitLate(), writeTasks(createWriter(), "pay"), writeTasks(createWriter(), "ship")])
    } finally {
      over.abort()
    }
    await reading
    await readOn()
    expect(read).toEqual((await eventsAfter(0)).map(({ id }) => id))
    expect(read.length).toBeGreaterThan(120)
  })

  test("let nobody who vanishes before the commit keep the others waiting", async () => {
    await write({ transaction: transactionRow() })
    const client = await pool.connect()
    try {
      await client.query("begin")
      await reopenTransaction(client, { ...KEY, failed_run: "run-1", new_run: "run-1", resets: 0, chain: 1 })
      await write({ transaction_id: "order_2", tasks: [taskRow()] })
      await expect(client.query("commit")).rejects.toThrow(/connection|idle-in-transaction/i)
    } finally {
      client.release(true)
    }
    expect((await listEvents(pool, { ...KEY, instance_id: "order_2", after: 0, limit: 9 })).length).toBe(1)
  })
})
