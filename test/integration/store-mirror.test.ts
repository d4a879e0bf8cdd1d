import type { Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { readMirror } from "../../src/store/mirror/read-mirror.ts"
import { createMirrorWriter, type MirrorWriter } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import {
  attemptRow,
  decisionRow,
  exceptionRow,
  mirrorChange,
  taskRow,
  transactionRow,
} from "../helpers/mirror-rows.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"
import { until } from "../helpers/until.ts"

const KEY = { tenant: "default", transaction_id: "order_1" }

let database: TestDatabase
let pool: Pool
let logger: ReturnType<typeof createListeningLogger>
let writer: MirrorWriter

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({ url: database.url })
  logger = createListeningLogger()
  writer = createMirrorWriter({ pool, logger })
  await insertStoredTransaction(pool)
})

afterEach(async () => {
  await writer.close()
  await pool.end()
  await database.drop()
})

async function mirror() {
  const found = await readMirror(pool, KEY)
  if (!found) throw new Error("the transaction has no row")
  return found
}

async function write(...changes: Parameters<typeof mirrorChange>[0][]): Promise<void> {
  for (const change of changes) writer.push(mirrorChange(change))
  await writer.flush()
}

async function column(sql: string): Promise<unknown[]> {
  const { rows } = await pool.query<{ value: unknown }>(sql)
  return rows.map(({ value }) => value)
}

describe("createMirrorWriter()", () => {
  test("writes rows that read back as they were", async () => {
    const transaction = transactionRow({
      status: "failed",
      version: 4,
      overridden: true,
      open_exceptions: 1,
      ignored_messages: 2,
      pending_approvals: [
        {
          id: "ask",
          action: "skip",
          task: "ship",
          operation: "do",
          requester: "ann",
          at: 1_768_480_000_123,
          expires_at: 1_768_494_400_123,
        },
      ],
      output: { total: 1.5, list: [null, "x"] },
      error: { code: "HTTP_503", class: "unknown", message: "away", task: "pay" },
      ended_at: Date.UTC(2026, 0, 15, 13, 0, 0, 7),
    })
    const tasks = [
      taskRow({ index: 0, path: "pay", input: { amount: 5 }, output: "ok", reason: "because" }),
      taskRow({
        index: 1,
        path: "ship",
        status: "parked",
        error: { code: "c", class: "refused", message: "m" },
      }),
    ]
    const exceptions = [
      exceptionRow({ resolved_at: 1_768_480_000_123, state: "resolved", resolved_by: "d-1" }),
    ]
    await write({ transaction, tasks, exceptions, decisions: [decisionRow({ evidence: { ticket: 7 } })] })
    const stored = await mirror()
    expect(stored.transaction.row).toEqual(transaction)
    expect(stored.tasks).toEqual(tasks)
    expect(stored.exceptions).toEqual(exceptions)
    expect(await column("select evidence as value from decision")).toEqual([{ ticket: 7 }])
  })

  test("keeps the newest of rows that come in another order, and takes repeats", async () => {
    await write({
      history_length: 9,
      transaction: transactionRow({ version: 9 }),
      tasks: [taskRow({ status: "success" })],
    })
    await write({ history_length: 5, transaction: transactionRow({ version: 5 }), tasks: [taskRow()] })
    await write({
      history_length: 9,
      transaction: transactionRow({ version: 10 }),
      tasks: [taskRow({ status: "success" })],
    })
    const stored = await mirror()
    expect(stored.transaction.row.version).toBe(10)
    expect(stored.tasks.map(({ status }) => status)).toEqual(["success"])
  })

  test("orders runs of a chain before lengths of a history", async () => {
    await write({ history_length: 9_000, transaction: transactionRow({ version: 1 }) })
    await write({ run_id: "run-2", chain: 1, history_length: 3, transaction: transactionRow({ version: 2 }) })
    await write({ history_length: 9_001, transaction: transactionRow({ version: 1 }) })
    expect((await mirror()).transaction).toMatchObject({ run_id: "run-2", chain: 1, row: { version: 2 } })
  })

  test("keeps what a continue-as-new has dropped, whichever row comes first", async () => {
    const payload = { input: 1, output: { id: "p1" }, output_sha256: "ab" }
    const whole = { history_length: 5, tasks: [taskRow(payload)] }
    const dropped = { chain: 1, tasks: [taskRow({ status: "success", output_dropped: true })] }
    await write(whole)
    await write(dropped)
    expect((await mirror()).tasks[0]).toMatchObject({ status: "success", ...payload })
    const other = { tenant: "default", transaction_id: "order_2" }
    await insertStoredTransaction(pool, { instanceId: "order_2" })
    await write({ ...dropped, ...other })
    await write({ ...whole, ...other })
    expect((await readMirror(pool, other))?.tasks[0]).toMatchObject({ status: "success", ...payload })
    // An output in its place is one that is here.
    await write({ chain: 2, tasks: [taskRow({ output: 2 })] })
    expect((await mirror()).tasks[0]).toMatchObject({ output: 2, output_sha256: undefined })
  })

  test("leaves people's columns of an exception alone", async () => {
    await write({ exceptions: [exceptionRow()] })
    const [id] = await column("select id as value from exception")
    await pool.query(
      "update exception set handled = true, handled_by = 'ann', handled_remark = 'called them'",
    )
    await write({ history_length: 9, exceptions: [exceptionRow({ occurrence: 2, state: "reopened" })] })
    const { rows } = await pool.query(
      "select id, occurrence, state, handled, handled_by, handled_remark from exception",
    )
    expect(rows).toEqual([
      {
        id,
        occurrence: 2,
        state: "reopened",
        handled: true,
        handled_by: "ann",
        handled_remark: "called them",
      },
    ])
  })

  test("keeps owner and team of a record that is opened again, and takes acknowledgement and snooze away", async () => {
    await write({ exceptions: [exceptionRow()] })
    await pool.query(
      `update exception set acknowledged_by = 'ann', acknowledged_at = now(), owner = 'bob', team = 'payments',
         snoozed_until = now() + interval '1 hour'`,
    )
    const read = async () => {
      const { rows } = await pool.query<Record<string, unknown>>(
        "select acknowledged_by, acknowledged_at, owner, team, snoozed_until from exception",
      )
      return rows
    }
    const said = await read()
    // What a worker writes once more, and what somebody has decided, are no news.
    await write({ history_length: 5, exceptions: [exceptionRow()] })
    await write({ history_length: 9, exceptions: [exceptionRow({ state: "resolved" })] })
    expect(await read()).toEqual(said)
    await write({ history_length: 12, exceptions: [exceptionRow({ occurrence: 2, state: "reopened" })] })
    const renewed = { acknowledged_by: null, acknowledged_at: null, snoozed_until: null }
    expect(await read()).toEqual([{ ...renewed, owner: "bob", team: "payments" }])
  })

  test("puts what failed in the same way into one group, also where only the data differ", async () => {
    await insertStoredTransaction(pool, { instanceId: "order_2" })
    await write(
      { exceptions: [exceptionRow({ message: "order 17 was refused" })] },
      { transaction_id: "order_2", exceptions: [exceptionRow({ message: "order 4 was refused" })] },
    )
    const [one, other] = await column("select group_hash as value from exception order by id")
    expect(one).toMatch(/^[0-9a-f]{16}$/)
    expect(other).toBe(one)
    expect(await column("select message_shape as value from exception")).toEqual(
      Array.from({ length: 2 }, () => "order <n> was refused"),
    )
    for (const change of [
      { code: "HTTP_500" },
      { kind: "rejected" as const },
      { operation: "undo" as const },
      { task: "ship" },
      { message: "order 17 was blocked" },
    ]) {
      const row = exceptionRow({ message: "order 17 was refused", generation: 2, ...change })
      await write({ history_length: 9, exceptions: [row] })
      expect(await column("select group_hash as value from exception where generation = 2")).not.toContain(
        one,
      )
      await pool.query("delete from exception where generation = 2")
    }
    await pool.query("update txn set flow_id = 'flow-2' where instance_id = 'order_2'")
    await write({
      transaction_id: "order_2",
      history_length: 9,
      exceptions: [exceptionRow({ message: "order 4 was refused" })],
    })
    expect(new Set(await column("select group_hash as value from exception")).size).toBe(2)
  })

  test("leaves the group open where the transaction's row, and so its flow, is missing", async () => {
    await write({ transaction_id: "early", exceptions: [exceptionRow()] })
    expect(await column("select group_hash as value from exception")).toEqual([null])
  })

  test("records a decision once, as it was first told", async () => {
    await write({ decisions: [decisionRow({ reason: "first" })] })
    await write({ history_length: 9, decisions: [decisionRow({ reason: "second" })] })
    expect(await column("select reason as value from decision")).toEqual(["first"])
  })

  test("logs every attempt once, also when a write is repeated", async () => {
    writer.attempt(attemptRow())
    writer.attempt(attemptRow())
    writer.attempt(attemptRow({ attempt: 2, class: "unknown", started_at: Date.UTC(2031, 5, 5) }))
    await writer.flush()
    writer.attempt(attemptRow())
    await writer.flush()
    expect(await column("select attempt as value from txn_attempt order by attempt")).toEqual([1, 2])
  })

  test("makes no transaction, but says that Temporal has one", async () => {
    await write({ transaction_id: "order_9", transaction: transactionRow(), tasks: [taskRow()] })
    expect(await column("select instance_id as value from txn")).toEqual(["order_1"])
    await insertStoredTransaction(pool, { instanceId: "order_3", dispatched: false })
    await write({ transaction_id: "order_3", transaction: transactionRow() })
    expect(
      await column("select dispatched_at is not null as value from txn where instance_id = 'order_3'"),
    ).toEqual([true])
  })

  test("writes alone, without a flush being asked for", async () => {
    writer.push(mirrorChange({ tasks: [taskRow()] }))
    await until(
      () => column("select path as value from txn_task"),
      (paths) => paths.length === 1,
    )
    expect(writer.stats()).toMatchObject({ pending: 0, lag_ms: 0, written: 1, connected: true })
  })

  test("writes many rows in few statements", async () => {
    for (let at = 0; at < 3_000; at++)
      writer.push(mirrorChange({ tasks: [taskRow({ path: `t${at}`, index: at })] }))
    for (let at = 0; at < 3_000; at++) {
      writer.push(
        mirrorChange({ transaction_id: `other_${at % 300}`, tasks: [taskRow({ path: `t${at % 10}` })] }),
      )
    }
    await writer.flush()
    expect(await column("select count(*) as value from txn_task")).toEqual([3_300])
    expect(writer.stats().flushes).toBeLessThan(20)
  })
})

describe("createMirrorWriter(), ends and confirmations", () => {
  const ended = transactionRow({ status: "failed", ended_at: Date.UTC(2026, 0, 16) })

  beforeEach(async () => {
    await write({ history_length: 20, transaction: ended })
    await pool.query("update txn set confirmed_at = now()")
  })

  test("lets a confirmed end stand when its last row is repeated", async () => {
    await write({ history_length: 20, transaction: ended })
    expect((await mirror()).transaction.is_confirmed).toBe(true)
  })

  test("takes the confirmation away when a later run goes on", async () => {
    await write({ run_id: "run-2", chain: 1, transaction: transactionRow() })
    expect((await mirror()).transaction).toMatchObject({ is_confirmed: false, row: { status: "running" } })
  })
})

describe("createMirrorWriter(), resets", () => {
  const beforeReset = {
    history_length: 30,
    transaction: transactionRow({ version: 1 }),
    tasks: [taskRow({ path: "pay", status: "success" }), taskRow({ path: "ship", status: "success" })],
    exceptions: [exceptionRow({ task: "ship" })],
  }
  const afterReset = {
    run_id: "run-2",
    original_run_id: "run-1",
    history_length: 12,
    complete: true,
    transaction: transactionRow({ version: 0 }),
    tasks: [taskRow({ path: "pay", status: "running" })],
  } as const

  test("follows the new run, though its history is shorter", async () => {
    await write(beforeReset)
    await write({ ...afterReset, tasks: [...afterReset.tasks] })
    const stored = await mirror()
    expect(stored.transaction).toMatchObject({
      run_id: "run-2",
      resets: 1,
      reset_run: "run-2",
      row: { version: 0 },
    })
    expect(stored.tasks.map(({ path, status }) => [path, status])).toEqual([["pay", "running"]])
    expect(stored.exceptions.map(({ state }) => state)).toEqual(["superseded"])
  })

  test("takes no late row of the abandoned run, not even one of a task that is not there", async () => {
    await write({ ...afterReset, tasks: [...afterReset.tasks] })
    await write(beforeReset)
    const stored = await mirror()
    expect(stored.transaction.row.version).toBe(0)
    expect(stored.tasks.map(({ path, status }) => [path, status])).toEqual([["pay", "running"]])
    expect(stored.exceptions).toEqual([])
  })

  test("removes a row of the abandoned run that another writer was inserting at the same moment", async () => {
    const other = await pool.connect()
    await other.query("begin")
    await other.query(
      `insert into txn_task (tenant_id, instance_id, path, task_index, generation, status, outcome, compensation, resets, chain, seq)
       values ('default', 'order_1', 'late', 9, 1, 'success', 'executed', 'none', 0, 0, 5)`,
    )
    await write({ ...afterReset, tasks: [...afterReset.tasks] })
    await other.query("commit")
    other.release()
    expect((await mirror()).tasks.map(({ path }) => path)).toEqual(["pay", "late"])
    await write({
      ...afterReset,
      history_length: 20,
      complete: false,
      tasks: [taskRow({ status: "success" })],
    })
    expect((await mirror()).tasks.map(({ path }) => path)).toEqual(["pay"])
  })

  test("counts a continued run to the reset it descends from", async () => {
    await write({ ...afterReset, tasks: [...afterReset.tasks] })
    await write({
      run_id: "run-x",
      chain: 1,
      history_length: 50,
      transaction: transactionRow({ version: 99 }),
    })
    await write({
      run_id: "run-3",
      reset_run: "run-2",
      chain: 1,
      history_length: 3,
      transaction: transactionRow({ version: 7 }),
    })
    expect((await mirror()).transaction).toMatchObject({ run_id: "run-3", resets: 1, row: { version: 7 } })
  })

  test("numbers several resets in the order in which they are first seen, from several writers", async () => {
    const second = createMirrorWriter({ pool, logger })
    for (let reset = 2; reset < 8; reset++) {
      for (const one of [writer, second]) {
        one.push(
          mirrorChange({
            run_id: `run-${reset}`,
            original_run_id: "run-1",
            transaction: transactionRow({ version: reset }),
          }),
        )
      }
      await Promise.all([writer.flush(), second.flush()])
    }
    await second.close()
    expect((await mirror()).transaction).toMatchObject({ resets: 6, row: { version: 7 } })
  })
})

describe("createMirrorWriter(), complete changes", () => {
  test("close exceptions that the workflow no longer has open, and no newer ones", async () => {
    await write({
      history_length: 5,
      exceptions: [
        exceptionRow({ generation: 1 }),
        exceptionRow({ task: null, kind: "orchestrator_lost", generation: 0 }),
      ],
    })
    await write({ history_length: 30, exceptions: [exceptionRow({ task: "ship" })] })
    await write({
      history_length: 20,
      complete: true,
      transaction: transactionRow(),
      exceptions: [exceptionRow({ generation: 2 })],
    })
    const stored = await mirror()
    expect(stored.exceptions.map(({ task, generation, state }) => [task, generation, state])).toEqual([
      ["pay", 1, "superseded"],
      [null, 0, "auto_resolved"],
      ["ship", 1, "open"],
      ["pay", 2, "open"],
    ])
  })

  test("close those that are still on their way as well", async () => {
    await write({ history_length: 20, complete: true, transaction: transactionRow() })
    await write({ history_length: 5, exceptions: [exceptionRow()] })
    await write({ history_length: 30, exceptions: [exceptionRow({ task: "ship" })] })
    expect((await mirror()).exceptions.map(({ state }) => state)).toEqual(["superseded", "open"])
  })
})

describe("createMirrorWriter(), bad rows", () => {
  test("store text with NUL and broken surrogates, and JSON with them as it is", async () => {
    await write({ tasks: [taskRow({ reason: "a\0b\uD800", output: { text: "a\0b\uD800" } })] })
    expect((await mirror()).tasks[0]).toMatchObject({
      reason: "a\uFFFDb\uFFFD",
      output: { text: "a\0b\uD800" },
    })
    expect(writer.stats().dropped).toBe(0)
  })

  test("never take others with them, of the same transaction or of others", async () => {
    const changes = Array.from({ length: 40 }, (_, at) => ({
      transaction_id: `order_${at}`,
      tasks: [taskRow({ path: "good" })],
    }))
    const bad = [taskRow({ path: "number", started_at: 1e300 }), taskRow({ path: "json", output: 1n })]
    await write(...changes, {
      transaction: transactionRow({ version: 5 }),
      tasks: [taskRow({ path: "before" }), ...bad, taskRow({ path: "after" })],
    })
    expect(await column("select count(*) as value from txn_task where path = 'good'")).toEqual([40])
    const stored = await mirror()
    expect(stored.tasks.map(({ path }) => path).toSorted()).toEqual(["after", "before", "good"])
    expect(stored.transaction.row.version).toBe(5)
    expect(writer.stats()).toMatchObject({ dropped: 2, pending: 0 })
    const said = logger.lines.filter(({ level }) => level === "error")
    expect(said.map(({ fields }) => fields)).toEqual([
      expect.objectContaining({ transaction: "order_1", row: "task number" }),
      expect.objectContaining({ transaction: "order_1", row: "task json" }),
    ])
  })
})

describe("createMirrorWriter(), locks of others", () => {
  test("waits for a locked row without losing it", async () => {
    const other = await pool.connect()
    await other.query("begin")
    await other.query("select from txn where instance_id = 'order_1' for update")
    writer.push(mirrorChange({ transaction: transactionRow({ version: 3 }) }))
    const flushed = writer.flush()
    // It gives up after its lock timeout, and comes back: then the waiting query is another one.
    const waiting = () =>
      column("select query_start::text as value from pg_stat_activity where wait_event_type = 'Lock'")
    const [first] = await until(waiting, (queries) => queries.length === 1)
    await until(waiting, (queries) => queries.length === 1 && queries[0] !== first)
    await other.query("commit")
    other.release()
    await flushed
    expect((await mirror()).transaction.row.version).toBe(3)
    expect(writer.stats().dropped).toBe(0)
  })
})
