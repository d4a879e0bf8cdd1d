/**
 * Task and undoing at once on a Postgres whose own transactions are serializable, and where rows that they change are
 * moved to another partition meanwhile: a conflict that Postgres ends with 40001, whatever the isolation.
 */
import { randomBytes } from "node:crypto"
import pg from "pg"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import type { CallRequest, Connector } from "../../src/activities/call.ts"
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
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"

let database: TestDatabase
let admin: pg.Pool
let connector: Connector

beforeAll(async () => {
  database = await createTestDatabase("empty")
  const url = new URL(database.url)
  const name = url.pathname.slice(1)
  const first = new pg.Client(database.url)
  await first.connect()
  await first.query(`alter database ${name} set default_transaction_isolation = 'serializable'`)
  await first.end()
  admin = new pg.Pool({ connectionString: database.url, max: 4 })
  await admin.query(`
    create table account (id text, region integer, balance integer not null) partition by list (region);
    create table account_1 partition of account for values in (1);
    create table account_2 partition of account for values in (2);
    create sequence tries;
  `)
  connector = createDbConnector({
    connections: connectionsOf({
      name: "inventory",
      kind: "postgres",
      host: "127.0.0.1",
      port: Number(url.port),
      database: name,
      user: url.username,
      password_secret: "inventory_password",
    }),
    secrets: secretsOf({ inventory_password: url.password }),
    guard: localGuard,
  })
})
afterAll(async () => {
  await connector.close()
  await admin.end()
  await database.drop()
})

/** What holds the account, as another service would. */
let other: pg.PoolClient
beforeEach(async () => {
  await admin.query("truncate account")
  await admin.query("insert into account values ('A', 1, 10)")
  await admin.query("select setval('tries', 1, false)")
  other = await admin.connect()
})
afterEach(() => other.release())

const change = (operation: "do" | "undo", transaction: string, by: string): CallRequest =>
  createCall({
    kind: "db",
    identity: { ...identity, transaction, operation },
    // A sequence does not roll back: it counts what was run, and not what was kept.
    config: {
      connection: "inventory",
      sql: `with try as (select nextval('tries')) update account set balance = balance ${by} from try where id = $1 /* ${transaction} ${operation} */`,
      args: ["A"],
      expect_rows: 1,
    },
    budgetMs: 15_000,
    ...(operation === "undo" ? { undoes: "unknown" as const } : {}),
  })
const named = () => `t-${randomBytes(3).toString("hex")}`
const balance = async () => (await admin.query("select region, balance from account")).rows
const tries = async () => Number((await admin.query("select last_value from tries")).rows[0]?.last_value)
const stateOf = async (id: string) =>
  (await admin.query("select state from holdfast_barrier where txn = $1", [`acme/${id}`])).rows[0]?.state

async function waitsForLock(text: string): Promise<void> {
  await until(async () => {
    const { rows } = await admin.query(
      "select from pg_stat_activity where wait_event_type = 'Lock' and query like $1",
      [`%${text}%`],
    )
    return rows.length > 0
  })
}

async function move(): Promise<void> {
  await other.query("begin isolation level serializable")
  await other.query("update account set region = 3 - region")
}

test("6: a task that meets 40001 runs again as a whole", async () => {
  const id = named()
  await move()
  const doing = connector.call(change("do", id, "- 1"))
  await waitsForLock(`${id} do`)
  await other.query("commit")
  expect((await doing).class).toBe("done")
  expect(await tries()).toBe(2)
  expect(await balance()).toEqual([{ region: 2, balance: 9 }])
  expect(await stateOf(id)).toBe("APPLIED")
})

test("6: an undoing that waits for a task that meets 40001 leaves nothing of it, whoever is next", async () => {
  for (let round = 0; round < 10; round++) {
    const id = named()
    await admin.query("alter sequence tries restart")
    await move()
    const doing = connector.call(change("do", id, "- 1"))
    await waitsForLock(`${id} do`)
    const undoing = connector.call(change("undo", id, "+ 1"))
    await waitsForLock("holdfast_barrier")
    await other.query("commit")
    expect((await undoing).class).toBe("done")
    const verdict = brief(await doing)
    const isFenced = verdict.class === "refused"
    if (isFenced) expect(verdict.code).toBe("rejected_after_compensation")
    expect(await stateOf(id)).toBe(isFenced ? "BLOCKED" : "COMPENSATED")
    // What was run and not kept; a second time; and its undoing.
    expect(await tries()).toBe(isFenced ? 1 : 3)
    expect(await balance()).toMatchObject([{ balance: 10 }])
  }
})

test("6: an undoing that meets 40001 runs again as a whole, and undoes once", async () => {
  const id = named()
  expect((await connector.call(change("do", id, "- 1"))).class).toBe("done")
  await move()
  const undoing = connector.call(change("undo", id, "+ 1"))
  await waitsForLock(`${id} undo`)
  await other.query("commit")
  expect((await undoing).class).toBe("done")
  expect(await connector.call(change("undo", id, "+ 1"))).toMatchObject({ note: "replayed from the barrier" })
  expect(await tries()).toBe(3)
  expect(await balance()).toEqual([{ region: 2, balance: 10 }])
  expect(await stateOf(id)).toBe("COMPENSATED")
})

test("6: what is serializable by default is read committed for a task: it waits, and loses to nobody", async () => {
  const id = named()
  await other.query("begin")
  await other.query("update account set balance = balance - 5")
  const doing = connector.call(change("do", id, "- 1"))
  await waitsForLock(`${id} do`)
  await other.query("commit")
  expect((await doing).class).toBe("done")
  expect(await tries()).toBe(1)
  expect(await balance()).toEqual([{ region: 1, balance: 4 }])
})
