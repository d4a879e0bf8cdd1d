/** What only the library for participants does. What it shares with db tasks: barrier-conformance.test.ts. */
import { createHash, randomBytes } from "node:crypto"
import mysqlDriver from "mysql2/promise"
import pg from "pg"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { createBarrier, mysql, postgres } from "../../src/barrier/index.ts"
import { CREATE_BARRIER_TABLE } from "../../src/barrier/tables.ts"
import { type BusinessDatabase, businessDialects } from "../helpers/business-databases.ts"
import { until } from "../helpers/until.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** A call of its own each. */
function callOf(more: object = {}) {
  const transaction = `t-${randomBytes(4).toString("hex")}`
  const fingerprint = createHash("sha256").update(transaction).digest("hex")
  return { transaction, task: "pay", generation: 1, fingerprint, ...more }
}

async function openAs(name: string): Promise<BusinessDatabase | undefined> {
  const database = await businessDialects.find((dialect) => dialect.name === name)?.open()
  return database
}

describe("a participant on Postgres", () => {
  let database: BusinessDatabase
  beforeAll(async () => {
    database = (await openAs("Postgres")) as BusinessDatabase
  })
  afterAll(() => database.drop())

  function open(options = {}) {
    const { kind: _kind, ...where } = database.connection
    const pool = new pg.Pool({ ...where, password: database.password, max: 1 })
    pool.on("error", () => {})
    cleanups.push(() => pool.end())
    return { pool, barrier: createBarrier(postgres(pool), options) }
  }

  test("is told when the table is missing, but not for one of its own", async () => {
    const { barrier } = open()
    const work = () => barrier.do(callOf(), (tx) => tx.query("select * from nowhere"))
    await expect(work()).rejects.toMatchObject({ code: "barrier_missing" })
    await database.query(CREATE_BARRIER_TABLE.postgres)
    await expect(work()).rejects.toMatchObject({ code: "42P01" })
  })

  test("gets the callback's own errors, and its connection back", async () => {
    const { barrier, pool } = open()
    const wrong = new Error("not today")
    const call = callOf()
    const effect = async (tx: pg.PoolClient) => {
      await tx.query("insert into effect (txn) values ('not today')")
      throw wrong
    }
    await expect(barrier.do(call, effect)).rejects.toBe(wrong)
    expect((await pool.query("select * from effect where txn = 'not today'")).rows).toEqual([])
    expect(await barrier.do(call, async () => "done")).toBe("done")
  })

  test("answers the first time as every other time", async () => {
    const { barrier } = open()
    const call = callOf()
    const effect = async () => ({ at: new Date(0), none: undefined, list: [undefined] })
    const kept = { at: "1970-01-01T00:00:00.000Z", list: [null] }
    expect(await barrier.do(call, effect)).toEqual(kept)
    expect(await barrier.do(call, effect)).toEqual(kept)
    const silent = callOf()
    for (let turn = 0; turn < 2; turn++) expect(await barrier.do(silent, async () => undefined)).toBeNull()
  })

  test.each([
    ["a function", () => () => 1],
    ["a big integer", () => 1n],
    ["more than 1 MiB", () => "x".repeat(1024 * 1024)],
  ])("is refused a result that cannot be kept: %s", async (_name, toResult) => {
    const { barrier, pool } = open()
    const call = callOf()
    await expect(barrier.do(call, async () => toResult())).rejects.toMatchObject({ code: "result_invalid" })
    const rows = await pool.query("select * from holdfast_barrier where txn = $1", [
      `default/${call.transaction}`,
    ])
    expect(rows.rows).toEqual([])
  })

  test.each([
    ["ends its transaction", async (tx: pg.PoolClient) => void (await tx.query("rollback"))],
    [
      "goes on after an error",
      async (tx: pg.PoolClient) => void (await tx.query("select 1/0").catch(() => {})),
    ],
    [
      "begins another one in its place",
      async (tx: pg.PoolClient) => {
        await tx.query("rollback")
        await tx.query("begin")
      },
    ],
  ])("is told when its callback %s", async (_name, effect) => {
    const { barrier } = open()
    const call = callOf()
    await expect(barrier.do(call, effect)).rejects.toMatchObject({ code: "transaction_ended" })
    expect(await barrier.do(call, async () => "done")).toBe("done")
  })

  test("hands the stored result to the undoing, and takes no call for the other one", async () => {
    const { barrier } = open()
    const call = callOf({ operation: "do" })
    await barrier.do(call, async () => ({ charge: 7 }))
    await expect(barrier.undo(call, async () => 1)).rejects.toMatchObject({ code: "call_invalid" })
    const undoing = { ...call, operation: "undo" as const }
    expect(await barrier.undo(undoing, async (_tx, result) => ({ undone: result }))).toEqual({
      undone: { charge: 7 },
    })
  })

  test("bounds its waits, and leaves the connection's own settings as they are", async () => {
    const { barrier, pool } = open({ timeoutMs: 300 })
    await pool.query("set statement_timeout = 77000")
    await expect(barrier.do(callOf(), (tx) => tx.query("select pg_sleep(5)"))).rejects.toMatchObject({
      code: "57014",
    })
    const show = async () => (await pool.query("show statement_timeout")).rows
    expect(await show()).toEqual([{ statement_timeout: "77s" }])
    const inside = await barrier.do(callOf(), async (tx) => {
      const { rows } = await tx.query<Record<string, string>>("show transaction_isolation")
      return rows
    })
    expect(inside).toEqual([{ transaction_isolation: "read committed" }])
    expect(await show()).toEqual([{ statement_timeout: "77s" }])
  })

  test("bounds also what prepares its statements, whose table somebody changes", async () => {
    const { barrier } = open({ timeoutMs: 300 })
    // From now on the connection is known, and prepares.
    await barrier.do(callOf(), async () => undefined)
    const other = await database.openSession()
    cleanups.push(() => other.close())
    await other.query("begin")
    await other.query("lock table holdfast_barrier in access exclusive mode")
    await expect(barrier.do(callOf(), async () => "done")).rejects.toMatchObject({ code: "55P03" })
    await other.query("rollback")
    expect(await barrier.do(callOf(), async () => "done")).toBe("done")
  })

  test("prepares its statements on a connection, again when that forgot them", async () => {
    const { barrier, pool } = open()
    const prepared = async () =>
      (await pool.query<{ statement: string }>("select statement from pg_prepared_statements")).rows.length
    const effect = async () => ({ kept: "'\\" })
    for (let turn = 0; turn < 3; turn++) expect(await barrier.do(callOf(), effect)).toEqual({ kept: "'\\" })
    expect(await prepared()).toBe(2)
    await pool.query("deallocate all")
    const call = callOf()
    for (let turn = 0; turn < 2; turn++) expect(await barrier.do(call, effect)).toEqual({ kept: "'\\" })
    expect(await prepared()).toBe(2)
  })

  test("runs the whole of it again after a conflict, and gives up in the end", async () => {
    const { barrier } = open()
    let runs = 0
    const conflict = (untilRun: number) => async (tx: pg.PoolClient) => {
      if (++runs < untilRun) await tx.query("do $$ begin raise exception using errcode = '40001'; end $$")
      return runs
    }
    expect(await barrier.do(callOf(), conflict(3))).toBe(3)
    runs = 0
    await expect(barrier.do(callOf(), conflict(99))).rejects.toMatchObject({ code: "40001" })
    expect(runs).toBe(5)
  })
})

const hasMariaDb = businessDialects.some(({ name }) => name === "MariaDB")
describe.skipIf(!hasMariaDb)("a participant on MariaDB", () => {
  let database: BusinessDatabase
  beforeAll(async () => {
    database = (await openAs("MariaDB")) as BusinessDatabase
    await database.query(CREATE_BARRIER_TABLE.mysql)
  })
  afterAll(() => database.drop())

  function open(options = {}) {
    const { kind: _kind, ...where } = database.connection
    const pool = mysqlDriver.createPool({ ...where, password: database.password, connectionLimit: 1 })
    cleanups.push(() => pool.end())
    return { pool, barrier: createBarrier(mysql(pool), options) }
  }

  test.each<[string, (tx: mysqlDriver.PoolConnection) => Promise<unknown>]>([
    [
      "ends its transaction",
      async (tx) => {
        await tx.query("rollback")
        return 1
      },
    ],
    ["ends it and answers nothing", async (tx) => void (await tx.query("rollback"))],
    ["changes the schema", async (tx) => void (await tx.query("create or replace table other (a int)"))],
    [
      "begins another one in its place",
      async (tx) => {
        await tx.query("rollback")
        await tx.query("begin")
      },
    ],
  ])("is told when its callback %s", async (_name, effect) => {
    const { barrier } = open()
    await expect(barrier.do(callOf(), effect)).rejects.toMatchObject({ code: "transaction_ended" })
    expect(await barrier.do(callOf(), async () => "done")).toBe("done")
  })

  test("is told when its callback goes on after a deadlock, which ended the transaction", async () => {
    const { barrier } = open()
    await database.query("insert into stock values ('here', 10, 0), ('there', 10, 0)")
    const other = await database.openSession()
    cleanups.push(() => other.close())
    await other.query("begin")
    // InnoDB ends the transaction that has changed less.
    for (let more = 0; more < 50; more++) await other.query("insert into effect (txn) values ('other')")
    await other.query("update stock set reserved = 1 where sku = 'there'")
    const call = callOf()
    let lost: unknown
    let crossing: Promise<unknown> = Promise.resolve()
    const effect = async (tx: mysqlDriver.PoolConnection) => {
      await tx.query("update stock set on_hand = on_hand - 1 where sku = 'here'")
      crossing = other.query("update stock set reserved = 1 where sku = 'here'")
      await until(() => database.isBlocked(), Boolean)
      lost = await tx.query("update stock set on_hand = on_hand - 1 where sku = 'there'").catch(String)
      await tx.query("insert into effect (txn) values ('ledger')")
    }
    await expect(barrier.do(call, effect)).rejects.toMatchObject({ code: "transaction_ended" })
    expect(lost).toContain("Deadlock")
    await crossing
    await other.query("rollback")
    // Nothing of it was kept, so that the same call does all of it.
    expect(await barrier.do(call, async () => "done")).toBe("done")
  })

  test("bounds its waits for locks, and leaves the connection's own settings as they are", async () => {
    const { barrier, pool } = open({ timeoutMs: 1_000 })
    await database.query("insert into stock values ('A', 10, 0)")
    await pool.query("set session innodb_lock_wait_timeout = 33")
    const other = await database.openSession()
    cleanups.push(() => other.close())
    await other.query("begin")
    await other.query("update stock set reserved = 1 where sku = 'A'")
    const waiting = barrier.do(callOf(), (tx) => tx.query("update stock set reserved = 2 where sku = 'A'"))
    await expect(waiting).rejects.toMatchObject({ errno: 1205 })
    const inside = await barrier.do(callOf(), async (tx) => {
      const [rows] = await tx.query("select @@session.innodb_lock_wait_timeout as wait")
      return rows
    })
    expect(inside).toEqual([{ wait: 1 }])
    const [rows] = await pool.query("select @@session.innodb_lock_wait_timeout as wait")
    expect(rows).toEqual([{ wait: 33 }])
  })
})
