/** What only Postgres does. What every database does: activities-databases.test.ts. */
import { randomBytes } from "node:crypto"
import pg from "pg"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type CallRequest, type Connector } from "../../src/activities/call.ts"
import {
  brief,
  connectionsOf,
  createCall,
  identity,
  localGuard,
  secretsOf,
  until,
} from "../../src/activities/calls.testsuite.ts"
import { createDbConnector } from "../../src/activities/db/connector.ts"
import { createPostgres } from "../../src/activities/db/postgres/database.ts"
import { installBarrier } from "../../src/barrier/install.ts"
import { CREATE_BARRIER_TABLE } from "../../src/barrier/tables.ts"
import type { DbConnection } from "../../src/contract/connections.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"

let database: TestDatabase
let url: URL
let admin: pg.Pool
const cleanups: (() => unknown)[] = []

beforeAll(async () => {
  database = await createTestDatabase("empty")
  url = new URL(database.url)
  admin = new pg.Pool({ connectionString: database.url, max: 4 })
  admin.on("error", () => {})
  await admin.query(`
    create table stock (sku text primary key, on_hand integer not null check (on_hand >= 0), reserved integer not null default 0);
    create table effect (id bigint generated always as identity primary key, txn text not null, note text);
    create table line (order_id text not null references stock (sku), n integer unique);
  `)
})
afterAll(async () => {
  await admin.end()
  await database.drop()
})
beforeEach(async () => {
  await admin.query("truncate stock, effect, line restart identity cascade")
  await admin.query("insert into stock values ('A', 10, 0)")
  await admin.query(
    "do $$ begin if to_regclass('holdfast_barrier') is not null then truncate holdfast_barrier; end if; end $$",
  )
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const inventory = (): DbConnection => ({
  name: "inventory",
  kind: "postgres",
  host: "127.0.0.1",
  port: Number(url.port),
  database: url.pathname.slice(1),
  user: url.username,
  password_secret: "inventory_password",
})

function connectorTo(
  more: Partial<DbConnection> = {},
  password = url.password,
  guard = localGuard,
): Connector {
  const connection = { ...inventory(), ...more }
  const secrets = secretsOf({ inventory_password: password })
  const connector = createDbConnector({ connections: connectionsOf(connection), secrets, guard })
  cleanups.push(() => connector.close())
  return connector
}

let serial = 0
/** A transaction of its own, unless it is named. */
function call(
  config: object,
  parts: Partial<CallRequest> & { transaction?: string; generation?: number } = {},
): CallRequest {
  const { transaction = `t${++serial}-${randomBytes(3).toString("hex")}`, generation = 1, ...rest } = parts
  const who = { ...identity, transaction, generation }
  return createCall({ kind: "db", config: { connection: "inventory", ...config }, identity: who, ...rest })
}

const charge = "insert into effect (txn, note) values ($1, $2) returning id"
const effects = async (txn: string): Promise<number> =>
  Number((await admin.query("select count(*) from effect where txn = $1", [txn])).rows[0]?.count)
const barrierOf = async (transaction: string) =>
  (await admin.query("select * from holdfast_barrier where txn = $1", [`acme/${transaction}`])).rows[0] as
    Record<string, unknown> | undefined

describe("a db task", () => {
  test("runs once, in one transaction with its barrier row, and answers rows and count", async () => {
    const request = call({ sql: charge, args: ["t", "hello"] }, { transaction: "first" })
    const verdict = await connectorTo().call(request)
    expect(verdict).toMatchObject({ class: "done", output: { rows: [{ id: "1" }], row_count: 1 } })
    expect(verdict.evidence).toMatchObject({
      request: { sql: charge, args: ["t", "hello"] },
      peer: `127.0.0.1:${url.port}`,
    })
    expect(await barrierOf("first")).toMatchObject({
      txn: "acme/first",
      task: "pay",
      generation: 1,
      state: "APPLIED",
      fingerprint: request.fingerprint,
      result: { rows: [{ id: "1" }], row_count: 1 },
      applied_at: expect.any(Date),
    })
  })

  test("reads without a barrier, in a read-only transaction", async () => {
    const connector = connectorTo()
    const select = { operation: "select", table: "stock", where: { sku: "A" } }
    const request = call(select, { effect: "read", transaction: "reader" })
    expect(await connector.call(request)).toMatchObject({
      class: "done",
      output: { rows: [{ sku: "A", on_hand: 10, reserved: 0 }], row_count: 1 },
    })
    await admin.query("update stock set on_hand = 9")
    expect(await connector.call(request)).toMatchObject({ output: { rows: [{ on_hand: 9 }] } })
    expect(await barrierOf("reader")).toBeUndefined()
    await admin.query(
      "create or replace function sneak() returns int language sql as $$ insert into effect (txn) values ('sneak') returning 1 $$",
    )
    expect(brief(await connector.call(call({ sql: "select sneak()" }, { effect: "read" })))).toEqual({
      class: "misconfigured",
      code: "sql_writes_in_read",
    })
    await expect(
      connector.call(call({ sql: "delete from stock" }, { effect: "read" })),
    ).rejects.toMatchObject({
      code: "sql_writes_in_read",
    })
    expect(await effects("sneak")).toBe(0)
  })

  test("cuts a long read, and keeps its memory", async () => {
    const verdict = await connectorTo().call(
      call({ sql: "select generate_series(1, 50000000) as n" }, { effect: "read" }),
    )
    if (verdict.class !== "done") throw new Error(verdict.message)
    const output = verdict.output as { rows: unknown[]; row_count: number; truncated?: boolean }
    expect(output.rows).toHaveLength(1_000)
    expect(output.row_count).toBe(1_000)
    expect(output.truncated).toBe(true)
  })

  test("cuts what a statement returns of all that it changed, counts it, and keeps its memory", async () => {
    const sql = "insert into effect (txn) select 'many' from generate_series(1, 3000) returning id"
    const secrets = secretsOf({ inventory_password: url.password })
    const business = createPostgres(inventory(), localGuard, secrets)
    cleanups.push(() => business.close())
    const session = await business.open()
    const { rows, count } = await session.run(sql)
    session.release()
    expect({ kept: rows.length, count }).toEqual({ kept: 1_001, count: 3_000 })
    const verdict = await connectorTo().call(call({ sql }))
    if (verdict.class !== "done") throw new Error(verdict.message)
    const output = verdict.output as { rows: unknown[]; row_count: number; truncated?: boolean }
    expect(output.rows).toHaveLength(1_000)
    expect(output).toMatchObject({ row_count: 3_000, truncated: true })
  })

  test("gives values as JSON that does not depend on the worker's zone", async () => {
    const sql = `select 9007199254740993::int8 as big, 1.50::numeric as num, 'NaN'::float8 as nan, true as yes, null as none,
      date '2026-11-21' as day, timestamp '2026-11-21 02:03:04.123456' as local,
      timestamptz '2026-11-21 02:03:04.123456+02' as at, array[1,2] as list, '{"a":[1]}'::jsonb as doc,
      '\\x0102'::bytea as bytes, interval '1 day 2 hours' as span, array[date '2026-11-21'] as days`
    const verdict = await connectorTo().call(call({ sql }, { effect: "read" }))
    expect(verdict.class === "done" && (verdict.output as { rows: unknown[] }).rows[0]).toEqual({
      big: "9007199254740993",
      num: "1.50",
      nan: "NaN",
      yes: true,
      none: null,
      day: "2026-11-21",
      local: "2026-11-21 02:03:04.123456",
      at: "2026-11-21T00:03:04.123456+00:00",
      list: [1, 2],
      doc: { a: [1] },
      bytes: "AQI=",
      span: "P0Y0M1DT2H0M0S",
      days: ["2026-11-21"],
    })
  })

  test("changes no digit of a number, also when it answers from the barrier", async () => {
    const sql = `insert into effect (txn) values ('digits') returning
      '{"id":9007199254740993,"big":1e999,"double":1e20,"price":0.1}'::json as doc,
      '[12345678901234567890.12]'::jsonb as docs, array['{"id":9007199254740993}'::jsonb] as list,
      array[9007199254740993]::int8[] as ids, array[12345678901234567890.12, null]::numeric[] as prices, 1e20::float8 as f`
    const request = call({ sql })
    const first = await connectorTo().call(request)
    expect(first.class === "done" && (first.output as { rows: unknown[] }).rows[0]).toEqual({
      doc: { id: "9007199254740993", big: "1e999", double: 1e20, price: 0.1 },
      docs: ["12345678901234567890.12"],
      list: [{ id: "9007199254740993" }],
      ids: ["9007199254740993"],
      prices: ["12345678901234567890.12", null],
      f: 1e20,
    })
    const again = await connectorTo().call(request)
    expect(again).toMatchObject({ note: "replayed from the barrier" })
    expect(again.class === "done" && again.output).toEqual(first.class === "done" && first.output)
  })

  const reserve = (quantity: number) => ({
    sql: "update stock set reserved = reserved + $1 where sku = $2 and on_hand - reserved >= $1",
    args: [quantity, "A"],
    expect_rows: "1",
  })

  test("refuses when the statement meets other than the expected rows, and leaves nothing behind", async () => {
    const connector = connectorTo()
    const request = call(reserve(11), { transaction: "sold-out" })
    expect(await connector.call(request)).toMatchObject({
      class: "refused",
      code: "expect_rows",
      barrier: true,
    })
    expect(await barrierOf("sold-out")).toBeUndefined()
    await admin.query("update stock set on_hand = 20")
    expect((await connector.call(request)).class).toBe("done")
    expect((await admin.query("select reserved from stock")).rows).toEqual([{ reserved: 11 }])
    const all = { operation: "update", table: "stock", data: { reserved: 0 }, allow_all: true }
    expect(brief(await connector.call(call({ ...all, expect_rows: 2 })))).toEqual({
      class: "refused",
      code: "expect_rows",
    })
    expect((await admin.query("select reserved from stock")).rows).toEqual([{ reserved: 11 }])
    expect((await connector.call(call({ ...all, expect_rows: ">=1" }))).class).toBe("done")
  })

  test.each([
    ["23505", "refused", "insert into stock values ('A', 1, 0)"],
    ["23503", "refused", "insert into line values ('nowhere', 1)"],
    ["23514", "refused", "update stock set on_hand = -1"],
    ["22P02", "refused", "select 'x'::int"],
    ["22012", "refused", "select 1 / 0"],
    ["42601", "misconfigured", "select from from"],
    ["42P01", "misconfigured", "select * from nowhere"],
    ["42703", "misconfigured", "select nothing from stock"],
    ["57014", "not_executed", "select pg_sleep(5)"],
  ])("reads SQLSTATE %s as %s, and leaves nothing behind", async (state, expected, sql) => {
    const request = call({ sql }, { transaction: `state-${serial}`, budgetMs: 600 })
    expect(await connectorTo().call(request)).toMatchObject({
      class: expected,
      code: `SQLSTATE_${state}`,
      barrier: true,
    })
    expect(await barrierOf(request.identity.transaction)).toBeUndefined()
    expect((await admin.query("select * from stock")).rows).toEqual([{ sku: "A", on_hand: 10, reserved: 0 }])
  })

  test("reads a business error that a function raises as a refusal", async () => {
    await admin.query(
      "create or replace function refuse() returns int language plpgsql as $$ begin raise exception 'no'; end $$",
    )
    expect(brief(await connectorTo().call(call({ sql: "select refuse()" })))).toEqual({
      class: "refused",
      code: "SQLSTATE_P0001",
    })
  })

  test("a statement the protocol refuses is a mistake", async () => {
    await admin.query(
      "create or replace function unfit() returns int language plpgsql as $$ begin raise exception 'few' using errcode = '08P01'; end $$",
    )
    expect(brief(await connectorTo().call(call({ sql: "select unfit()" })))).toEqual({
      class: "misconfigured",
      code: "SQLSTATE_08P01",
    })
  })

  test.each(["40001", "40P01"])("runs again by itself after %s, five times in all", async (state) => {
    await admin.query(`
      create sequence if not exists tries;
      create or replace function conflict(winner int) returns int language plpgsql as $$ begin
        if nextval('tries') < winner then raise exception 'again' using errcode = '${state}'; end if; return 1;
      end $$`)
    const connector = connectorTo()
    const conflict = async (winner: number) => {
      await admin.query("alter sequence tries restart")
      const verdict = await connector.call(call({ sql: "select conflict($1)", args: [winner] }))
      const { rows } = await admin.query<{ last_value: string }>("select last_value from tries")
      return { ...brief(verdict), tries: Number(rows[0]?.last_value) }
    }
    expect(await conflict(5)).toEqual({ class: "done", tries: 5 })
    expect(await conflict(6)).toEqual({ class: "not_executed", code: `SQLSTATE_${state}`, tries: 5 })
  })

  test("refuses a result that would not fit its row, and changes nothing", async () => {
    const sql = "update stock set reserved = 5 returning repeat('x', 2000000) as text"
    expect(brief(await connectorTo().call(call({ sql })))).toEqual({
      class: "misconfigured",
      code: "result_too_large",
    })
    expect((await admin.query("select reserved from stock")).rows).toEqual([{ reserved: 0 }])
  })

  test("refuses a result that nests too deep, and changes nothing", async () => {
    const deep = (levels: number) => `(repeat('[', ${levels}) || repeat(']', ${levels}))::json as doc`
    const sql = (levels: number) => `update stock set reserved = 5 returning ${deep(levels)}`
    const tooDeep = { class: "misconfigured", code: "result_too_deep" }
    for (const levels of [254, 3_000])
      expect(brief(await connectorTo().call(call({ sql: sql(levels) })))).toEqual(tooDeep)
    const read = call({ sql: `select ${deep(3_000)}` }, { effect: "read" })
    expect(brief(await connectorTo().call(read))).toEqual(tooDeep)
    expect((await admin.query("select reserved from stock")).rows).toEqual([{ reserved: 0 }])
    expect(brief(await connectorTo().call(call({ sql: sql(253) })))).toEqual({ class: "done" })
  })
})

describe("stopping and breaking", () => {
  const backendOf = async (text: string): Promise<number> => {
    let pid = 0
    await until(async () => {
      const { rows } = await admin.query(
        "select pid from pg_stat_activity where query like $1 and pid <> pg_backend_pid() and state <> 'idle'",
        [`%${text}%`],
      )
      pid = Number(rows[0]?.pid ?? 0)
      return pid > 0
    })
    return pid
  }

  test("a backend that is killed before COMMIT was not executed, and the next attempt works", async () => {
    const connector = connectorTo({ pool_size: 1 })
    await connector.call(call({ sql: charge, args: ["warm", "up"] }))
    const request = call({ sql: "insert into effect (txn) select 'killed' from pg_sleep(1) /* victim */" })
    const ended = connector.call(request)
    await admin.query("select pg_terminate_backend($1)", [await backendOf("victim */")])
    expect(await ended).toMatchObject({ class: "not_executed", code: "SQLSTATE_57P01" })
    expect(await effects("killed")).toBe(0)
    expect((await connector.call(request)).class).toBe("done")
    expect(await effects("killed")).toBe(1)
  })

  test("wrong credentials and a missing database are mistakes", async () => {
    const request = call({ sql: charge, args: ["a", "b"] })
    expect(brief(await connectorTo({}, "wrong-password").call(request))).toEqual({
      class: "misconfigured",
      code: "SQLSTATE_28P01",
    })
    expect(brief(await connectorTo({ database: "nowhere" }).call(request))).toEqual({
      class: "misconfigured",
      code: "SQLSTATE_3D000",
    })
    await expect(connectorTo({ password_secret: "none" }).call(request)).rejects.toMatchObject({
      code: "secret_missing",
    })
    await expect(connectorTo({ host: "/var/run/postgresql" }).call(request)).rejects.toMatchObject({
      code: "connection_invalid",
    })
  })

  test("takes neither a password nor a server from the environment", async () => {
    const wrong = { PGPASSWORD: url.password, PGHOST: "10.0.0.1", PGSSLMODE: "require", PGUSER: "x" }
    Object.assign(process.env, wrong)
    cleanups.push(() => {
      for (const name of Object.keys(wrong)) delete process.env[name]
    })
    const request = call({ sql: charge, args: ["a", "b"] })
    expect(brief(await connectorTo({ password_secret: undefined }).call(request))).toEqual({
      class: "misconfigured",
      code: "SQLSTATE_28P01",
    })
    expect((await connectorTo().call(request)).class).toBe("done")
  })

  test("a role that may not create the barrier table is told what to do", async () => {
    const other = await createTestDatabase("empty")
    const otherUrl = new URL(other.url)
    const owner = new pg.Pool({ connectionString: other.url, max: 1 })
    const role = `role_${randomBytes(4).toString("hex")}`
    cleanups.push(async () => {
      await owner.query(`drop owned by ${role}; drop role ${role}`)
      await owner.end()
      await other.drop()
    })
    await owner.query(`create role ${role} login password 'apppassword'; revoke create on schema public from public;
      create table effect (id int generated always as identity, txn text, note text); grant insert, select on effect to ${role}`)
    const connector = connectorTo({ user: role, database: otherUrl.pathname.slice(1) }, "apppassword")
    const request = call({ sql: charge, args: ["a", "b"] })
    expect(await connector.call(request)).toMatchObject({ class: "misconfigured", code: "barrier_missing" })
    const install = async () => {
      const client = await owner.connect()
      const run = async (text: string) => {
        const { rows, rowCount } = await client.query<Record<string, unknown>>(text)
        return { rows, count: rowCount ?? 0 }
      }
      return installBarrier("postgres", run).finally(() => client.release())
    }
    await Promise.all([install(), install()])
    await owner.query(`grant select, insert, update on holdfast_barrier to ${role}`)
    expect((await connector.call(request)).class).toBe("done")
  })
})

test("the barrier's table is waited for no longer than a lock is, when another one holds up its creation", async () => {
  await admin.query("drop table if exists holdfast_barrier")
  const other = await admin.connect()
  cleanups.push(() => other.release(true))
  await other.query("begin")
  await other.query(CREATE_BARRIER_TABLE.postgres)
  expect(brief(await connectorTo().call(call({ sql: charge, args: ["t", "x"] })))).toEqual({
    class: "not_executed",
    code: "SQLSTATE_55P03",
  })
})

describe("a COMMIT", () => {
  test("whose constraint fails at COMMIT is a refusal", async () => {
    await admin.query(
      "create table if not exists parent (id int primary key); create table if not exists child (id int references parent deferrable initially deferred)",
    )
    expect(brief(await connectorTo().call(call({ sql: "insert into child values (7)" })))).toEqual({
      class: "refused",
      code: "SQLSTATE_23503",
    })
    expect((await admin.query("select * from child")).rows).toEqual([])
  })
})
