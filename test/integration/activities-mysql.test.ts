/** What only MySQL and MariaDB do, on a real MariaDB. What every database does: activities-databases.test.ts. */
import { randomBytes } from "node:crypto"
import type { Connection, RowDataPacket } from "mysql2/promise"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { CallRequest, Connector } from "../../src/activities/call.ts"
import {
  brief,
  closedGuard,
  connectionsOf,
  createCall,
  identity,
  localGuard,
  secretsOf,
} from "../../src/activities/calls.testsuite.ts"
import { createDbConnector } from "../../src/activities/db/connector.ts"
import type { DbConnection } from "../../src/contract/connections.ts"
import { mariadb, startMariaDb, type TestMariaDb } from "../helpers/mariadb.ts"

let server: TestMariaDb
let admin: Connection
const cleanups: (() => unknown)[] = []

describe.skipIf(mariadb === undefined)("a db task on MariaDB", () => {
  beforeAll(async () => {
    server = await startMariaDb(mariadb ?? "mariadbd")
    admin = await server.connect()
    await admin.query(`
      create table stock (sku varchar(64) primary key, on_hand integer not null check (on_hand >= 0),
        reserved integer not null default 0, code integer unique);
      create table effect (id bigint not null auto_increment primary key, txn varchar(191) not null, note varchar(32));
      create table line (order_id varchar(64) not null, n tinyint unique, foreign key (order_id) references stock (sku));
    `)
  })
  afterAll(async () => {
    await admin?.end()
    await server?.stop()
  })
  beforeEach(async () => {
    await admin.query(
      "delete from line; delete from stock; delete from effect; insert into stock values ('A', 10, 0, null)",
    )
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  })

  function connectorTo(more: Partial<DbConnection> = {}, guard = localGuard): Connector {
    const { port, database, user, password } = server
    const connection: DbConnection = {
      name: "inventory",
      kind: "mysql",
      host: "127.0.0.1",
      port,
      database,
      user,
      password_secret: "inventory_password",
      ...more,
    }
    const secrets = secretsOf({ inventory_password: password, wrong: "wrong" })
    const connector = createDbConnector({ connections: connectionsOf(connection), secrets, guard })
    cleanups.push(() => connector.close())
    return connector
  }

  let serial = 0
  function call(config: object, parts: Partial<CallRequest> & { transaction?: string } = {}): CallRequest {
    const { transaction = `t${++serial}-${randomBytes(3).toString("hex")}`, ...rest } = parts
    return createCall({
      kind: "db",
      config: { connection: "inventory", ...config },
      identity: { ...identity, transaction },
      ...rest,
    })
  }
  const rowsOf = async (sql: string, values: unknown[] = []): Promise<RowDataPacket[]> =>
    (await admin.query<RowDataPacket[]>(sql, values))[0]
  const charge = "insert into effect (txn, note) values (?, ?)"

  test("answers the number that the server gave", async () => {
    const request = call({ sql: charge, args: ["n", "x"] })
    const first = await connectorTo().call(request)
    expect(first).toMatchObject({
      class: "done",
      output: { rows: [], row_count: 1, insert_id: expect.stringMatching(/^\d+$/) },
    })
    expect(await connectorTo().call(request)).toMatchObject({
      note: "replayed from the barrier",
      output: first.class === "done" ? first.output : undefined,
    })
  })

  test("keys of any length, letters and case are apart", async () => {
    const connector = connectorTo()
    const long = "x".repeat(300)
    for (const transaction of [`${long}-A`, `${long}-B`, "Straße", "strasse", "STRASSE", "a ", "a"])
      expect((await connector.call(call({ sql: charge, args: ["apart", "x"] }, { transaction }))).class).toBe(
        "done",
      )
    expect(await rowsOf("select id from effect where txn = 'apart'")).toHaveLength(7)
  })

  test("gives values as JSON with all their digits, in no zone of the worker's", async () => {
    const sql = `select cast(9007199254740993 as signed) as big, cast(18446744073709551615 as unsigned) as bigger,
      cast(1.50 as decimal(30,20)) as num, true as yes, null as none, date '2026-11-21' as day,
      timestamp '2026-11-21 02:03:04.123456' as local, time '25:00:01' as span, x'0102' as bytes,
      json_compact('{"id":9007199254740993,"a":[1.0]}') as text_doc`
    const verdict = await connectorTo().call(call({ sql }, { effect: "read" }))
    expect(verdict.class === "done" && (verdict.output as { rows: unknown[] }).rows[0]).toMatchObject({
      big: "9007199254740993",
      bigger: "18446744073709551615",
      num: "1.50000000000000000000",
      yes: 1,
      none: null,
      day: "2026-11-21",
      local: "2026-11-21 02:03:04.123456",
      span: "25:00:01",
      bytes: "AQI=",
    })
    await admin.query(
      `create or replace table kinds (f float, d double, b bit(1), wide bit(64), doc json, t timestamp(6) null, e enum('a','b'), y year, bin varbinary(4));
       set time_zone = '+00:00';
       insert into kinds values (0.1, 0.1, b'1', b'${"1".repeat(64)}', '{"id":9007199254740993}', '2026-11-21 02:03:04.5', 'b', 2026, x'00ff')`,
    )
    const kinds = await connectorTo().call(call({ operation: "select", table: "kinds" }, { effect: "read" }))
    expect(kinds.class === "done" && (kinds.output as { rows: unknown[] }).rows[0]).toMatchObject({
      f: 0.1,
      d: 0.1,
      b: 1,
      wide: "18446744073709551615",
      doc: { id: "9007199254740993" },
      e: "b",
      y: 2026,
      bin: "AP8=",
    })
  })

  test("meets a whole number and a text of digits exactly", async () => {
    await admin.query(
      "create or replace table big (id bigint primary key, n int); insert into big values (9007199254740992, 0), (9007199254740993, 0)",
    )
    const update = (id: string) => ({
      operation: "update",
      table: "big",
      data: { n: 5 },
      where: { id },
      expect_rows: 1,
    })
    expect(brief(await connectorTo().call(call(update("9007199254740993"))))).toEqual({ class: "done" })
    expect(await rowsOf("select id, n from big order by id")).toEqual([
      { id: "9007199254740992", n: 0 },
      { id: "9007199254740993", n: 5 },
    ])
    const limited = await connectorTo().call(
      call({ sql: "select id from big limit ?", args: [1] }, { effect: "read" }),
    )
    expect(limited).toMatchObject({ class: "done", output: { row_count: 1 } })
  })

  test("upserts by the key that where names, and no other", async () => {
    const connector = connectorTo()
    const upsert = (where: object, data: object) =>
      connector.call(call({ operation: "upsert", table: "stock", where, data }))
    expect(await upsert({ sku: "C" }, { on_hand: 7, code: 1 })).toMatchObject({ output: { row_count: 1 } })
    expect(await upsert({ sku: "C" }, { on_hand: 7, code: 1 })).toMatchObject({ output: { row_count: 1 } })
    expect(await upsert({ sku: "C" }, { on_hand: 8 })).toMatchObject({ output: { row_count: 1 } })
    // With ON DUPLICATE KEY UPDATE this would change the row C.
    expect(brief(await upsert({ sku: "D" }, { on_hand: 1, code: 1 }))).toEqual({
      class: "refused",
      code: "MYSQL_1062",
    })
    expect(await rowsOf("select sku, on_hand from stock order by sku")).toEqual([
      { sku: "A", on_hand: 10 },
      { sku: "C", on_hand: 8 },
    ])
    expect(brief(await upsert({ reserved: 0 }, { on_hand: 1 }))).toEqual({
      class: "misconfigured",
      code: "upsert_key_not_unique",
    })
  })

  test("upserts that race make one row", async () => {
    const connector = connectorTo()
    const upserts = Array.from({ length: 12 }, (_, n) =>
      connector.call(
        call(
          { operation: "upsert", table: "stock", where: { sku: "race" }, data: { on_hand: n } },
          { budgetMs: 20_000 },
        ),
      ),
    )
    expect(new Set((await Promise.all(upserts)).map((verdict) => brief(verdict).class))).toEqual(
      new Set(["done"]),
    )
    expect(await rowsOf("select sku from stock where sku = 'race'")).toHaveLength(1)
  })

  test.each([
    [1062, "refused", "insert into stock (sku, on_hand) values ('A', 1)"],
    [1452, "refused", "insert into line values ('nowhere', 2)"],
    [1451, "refused", "delete from stock where sku = 'A'"],
    [4025, "refused", "update stock set on_hand = -1"],
    [1264, "refused", "insert into line values ('A', 1000)"],
    [1406, "refused", "insert into effect (txn, note) values ('x', repeat('x', 33))"],
    [1048, "refused", "update stock set on_hand = null"],
    [1366, "refused", "update stock set on_hand = 'many'"],
    [1365, "refused", "update stock set on_hand = 1 / 0"],
    [1644, "refused", "insert into guarded values (1)"],
    [1064, "misconfigured", "select from from"],
    [1146, "misconfigured", "select * from nowhere"],
    [1054, "misconfigured", "select nothing from stock"],
    [1142, "misconfigured", "select * from mysql.user"],
    [1136, "misconfigured", "insert into line values (1)"],
    [1305, "misconfigured", "select nothing_like_it(1)"],
    [1969, "not_executed", "select sleep(5) from stock for update"],
  ])("reads %d as %s, and leaves nothing behind", async (number, expected, sql) => {
    await admin.query(
      `create or replace table guarded (n int);
       create or replace trigger guards before insert on guarded for each row signal sqlstate '45000' set message_text = 'no'`,
    )
    await admin.query("insert into line values ('A', 1)")
    const request = call({ sql }, { transaction: `state-${++serial}`, budgetMs: 600 })
    expect(await connectorTo().call(request)).toMatchObject({
      class: expected,
      code: `MYSQL_${number}`,
      barrier: true,
    })
    expect(await rowsOf("select * from holdfast_barrier where txn = ?", [`acme/state-${serial}`])).toEqual([])
    expect(await rowsOf("select * from stock")).toMatchObject([{ sku: "A", on_hand: 10, reserved: 0 }])
  })

  test.each(["BLOCKED", "COMPENSATED"])("comes too late after compensation: %s", async (state) => {
    const request = call({ sql: charge, args: ["late", "x"] })
    const connector = connectorTo()
    await connector.call(request)
    await admin.query("update holdfast_barrier set state = ? where txn = ?", [
      state,
      `acme/${request.identity.transaction}`,
    ])
    expect(brief(await connector.call(request))).toEqual({
      class: "refused",
      code: "rejected_after_compensation",
    })
    expect(await rowsOf("select id from effect where txn = 'late'")).toHaveLength(1)
  })

  test("says that a table without transactions keeps what was to be rolled back", async () => {
    await admin.query("create or replace table loose (n int) engine = MyISAM")
    const request = call({ sql: "insert into loose values (1)", expect_rows: 2 })
    expect(await connectorTo().call(request)).toMatchObject({
      class: "misconfigured",
      code: "table_not_transactional",
      left: "unknown",
    })
  })

  test("reads only in a transaction that only reads", async () => {
    await admin.query(
      "create or replace function sneak() returns int modifies sql data begin insert into effect (txn) values ('sneak'); return 1; end",
    )
    expect(brief(await connectorTo().call(call({ sql: "select sneak()" }, { effect: "read" })))).toEqual({
      class: "misconfigured",
      code: "sql_writes_in_read",
    })
    expect(await rowsOf("select id from effect")).toEqual([])
  })

  test("takes no file of this machine, and speaks no other host's protocol", async () => {
    await expect(
      connectorTo().call(call({ sql: "load data local infile '/etc/passwd' into table effect" })),
    ).rejects.toMatchObject({
      code: "sql_invalid",
    })
    expect(brief(await connectorTo({}, closedGuard).call(call({ sql: charge, args: ["a", "b"] })))).toEqual({
      class: "misconfigured",
      code: "address_blocked",
    })
  })

  test("wrong credentials and a missing database are mistakes", async () => {
    const request = call({ sql: charge, args: ["a", "b"] })
    expect(brief(await connectorTo({ password_secret: "wrong" }).call(request))).toEqual({
      class: "misconfigured",
      code: "MYSQL_1045",
    })
    expect(brief(await connectorTo({ database: "nowhere" }).call(request))).toEqual({
      class: "misconfigured",
      code: "MYSQL_1044",
    })
    expect(brief(await connectorTo({ tls: true }).call(request))).toEqual({
      class: "misconfigured",
      code: "HANDSHAKE_NO_SSL_SUPPORT",
    })
  })

  test("a user who may not create the barrier table is told what to do", async () => {
    await admin.query(
      "create or replace database bare; create or replace user app identified by 'holdfast-password'; create table bare.effect like effect; grant select, insert, update on bare.* to app",
    )
    const connector = connectorTo({ user: "app", database: "bare" })
    const request = call({ sql: charge, args: ["a", "b"] })
    expect(brief(await connector.call(request))).toEqual({ class: "misconfigured", code: "barrier_missing" })
    await admin.query("create table bare.holdfast_barrier like holdfast_barrier")
    expect(brief(await connector.call(request))).toEqual({ class: "done" })
  })
})
