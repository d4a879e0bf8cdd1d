/** What a db task promises on every database it can use, on real servers. */
import { randomBytes } from "node:crypto"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { AttemptAborted, type CallRequest, type Connector } from "../../src/activities/call.ts"
import {
  brief,
  closedGuard,
  closedPort,
  connectionsOf,
  createCall,
  identity,
  localGuard,
  secretsOf,
  until,
} from "../../src/activities/calls.testsuite.ts"
import { createDbConnector } from "../../src/activities/db/connector.ts"
import type { DbConnection } from "../../src/contract/connections.ts"
import { type BusinessDatabase, businessDialects, startKilling } from "../helpers/business-databases.ts"
import { startCommitProxy } from "../helpers/commit-proxy.ts"

describe.each(businessDialects.map((dialect) => [dialect.name, dialect] as const))(
  "a db task on %s",
  (_name, dialect) => {
    let database: BusinessDatabase
    const cleanups: (() => unknown)[] = []
    const $ = (position: number) => dialect.placeholder(position)

    beforeAll(async () => {
      database = await dialect.open()
    })
    afterAll(() => database.drop())
    beforeEach(async () => {
      for (const table of ["effect", "stock"]) await database.query(`delete from ${table}`)
      await database.query("insert into stock values ('A', 10, 0)")
    })
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
    })

    function connectorTo(more: Partial<DbConnection> = {}, guard = localGuard): Connector {
      const connection: DbConnection = {
        name: "inventory",
        ...database.connection,
        password_secret: "inventory_password",
        ...more,
      }
      const secrets = secretsOf({ inventory_password: database.password })
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
      const {
        transaction = `t${++serial}-${randomBytes(3).toString("hex")}`,
        generation = 1,
        ...rest
      } = parts
      const who = { ...identity, transaction, generation }
      return createCall({
        kind: "db",
        config: { connection: "inventory", ...config },
        identity: who,
        ...rest,
      })
    }

    const charge = `insert into effect (txn, note) values (${$(1)}, ${$(2)})`
    const chargeOf = (txn: string, note = "x") => ({ sql: charge, args: [txn, note] })
    const effects = async (txn: string) =>
      (await database.query("select id from effect where txn = ?", [txn])).length
    const barrierOf = async (transaction: string) =>
      (await database.query("select * from holdfast_barrier where txn = ?", [`acme/${transaction}`]))[0]

    test("runs once, in one transaction with its barrier row", async () => {
      const request = call(chargeOf("t"), { transaction: "first" })
      const verdict = await connectorTo().call(request)
      expect(verdict).toMatchObject({ class: "done", output: { rows: [], row_count: 1 } })
      expect(verdict.evidence).toMatchObject({
        request: { database: database.connection.database, sql: charge, args: ["t", "x"] },
        peer: `127.0.0.1:${database.connection.port}`,
      })
      expect(await barrierOf("first")).toMatchObject({
        task: "pay",
        generation: 1,
        state: "APPLIED",
        fingerprint: request.fingerprint,
        applied_at: expect.any(Date),
      })
    })

    test("answers a repeat with the stored result, also from another worker", async () => {
      const request = call(chargeOf("once"))
      const first = await connectorTo().call(request)
      const again = await connectorTo().call({ ...request, identity: { ...request.identity, attempt: 2 } })
      expect(again).toMatchObject({ class: "done", note: "replayed from the barrier" })
      expect(again.class === "done" && again.output).toEqual(first.class === "done" && first.output)
      expect(await effects("once")).toBe(1)
    })

    test("1: fifty copies at once make one effect and fifty equal answers", async () => {
      const connector = connectorTo({ pool_size: 20 })
      const request = call(chargeOf("storm"), { budgetMs: 20_000 })
      const copies = Array.from({ length: 50 }, () => ({ ...request, signal: new AbortController().signal }))
      const verdicts = await Promise.all(copies.map((copy) => connector.call(copy)))
      const answers = verdicts.map((one) => JSON.stringify(one.class === "done" ? one.output : brief(one)))
      expect([...new Set(answers)]).toEqual([expect.stringContaining('"row_count":1')])
      expect(await effects("storm")).toBe(1)
    })

    test("11: refuses another request under the same key, and takes it as another generation", async () => {
      const connector = connectorTo()
      await connector.call(call(chargeOf("k", "1"), { transaction: "reuse" }))
      const other = call(chargeOf("k", "2"), { transaction: "reuse" })
      expect(brief(await connector.call(other))).toEqual({ class: "misconfigured", code: "key_reused" })
      const next = call(chargeOf("k", "2"), { transaction: "reuse", generation: 2 })
      expect((await connector.call(next)).class).toBe("done")
      expect(await effects("k")).toBe(2)
    })

    test.each(["BLOCKED", "COMPENSATED"])("comes too late after compensation: %s", async (state) => {
      const connector = connectorTo()
      const request = call(chargeOf("late"), { transaction: `late-${state}` })
      await connector.call(request)
      await database.query("update holdfast_barrier set state = ? where txn = ?", [
        state,
        `acme/late-${state}`,
      ])
      expect(await connector.call(request)).toMatchObject({
        class: "refused",
        code: "rejected_after_compensation",
        barrier: true,
      })
      expect(await effects("late")).toBe(1)
    })

    test("carries out S1's operations", async () => {
      const connector = connectorTo()
      const run = async (config: object) => {
        const verdict = await connector.call(call({ table: "stock", ...config }))
        if (verdict.class !== "done") throw new Error(`${verdict.code}: ${verdict.message}`)
        return verdict.output
      }
      expect(await run({ operation: "insert", data: { sku: "B'; --", on_hand: 5 } })).toEqual({
        rows: [],
        row_count: 1,
      })
      const reserve = { operation: "update", data: { reserved: 2 }, where: { sku: "B'; --" } }
      expect(await run(reserve)).toMatchObject({ row_count: 1 })
      // A row that is met counts, also where nothing of it changes.
      expect(await run(reserve)).toMatchObject({ row_count: 1 })
      const upsert = { operation: "upsert", data: { on_hand: 7 }, where: { sku: "C" } }
      expect(await run(upsert)).toMatchObject({ row_count: 1 })
      expect(await run({ ...upsert, data: { on_hand: 8 } })).toMatchObject({ row_count: 1 })
      expect(await run({ operation: "delete", where: { sku: "A" } })).toMatchObject({ row_count: 1 })
      expect(await database.query("select sku, on_hand, reserved from stock order by sku")).toEqual([
        { sku: "B'; --", on_hand: 5, reserved: 2 },
        { sku: "C", on_hand: 8, reserved: 0 },
      ])
    })

    test("reads without a barrier, and every time anew", async () => {
      const connector = connectorTo()
      const select = { operation: "select", table: "stock", where: { sku: "A" } }
      const request = call(select, { effect: "read", transaction: "reader" })
      expect(await connector.call(request)).toMatchObject({
        output: { rows: [{ sku: "A", on_hand: 10, reserved: 0 }], row_count: 1 },
      })
      await database.query("update stock set on_hand = 9")
      expect(await connector.call(request)).toMatchObject({ output: { rows: [{ on_hand: 9 }] } })
      await connector.call(call(chargeOf("warm")))
      expect(await barrierOf("reader")).toBeUndefined()
    })

    test("12: refuses when the statement meets other than the expected rows, and leaves nothing behind", async () => {
      const connector = connectorTo()
      const reserve = {
        sql: `update stock set reserved = reserved + ${$(1)} where sku = ${$(2)} and on_hand - reserved >= ${$(3)}`,
        args: [11, "A", 11],
        expect_rows: "1",
      }
      // Postgres takes three parameters as well.
      const request = call(reserve, { transaction: "sold-out" })
      expect(await connector.call(request)).toMatchObject({
        class: "refused",
        code: "expect_rows",
        barrier: true,
      })
      expect(await barrierOf("sold-out")).toBeUndefined()
      await database.query("update stock set on_hand = 20")
      expect((await connector.call(request)).class).toBe("done")
      const all = { operation: "update", table: "stock", data: { reserved: 0 }, allow_all: true }
      expect(brief(await connector.call(call({ ...all, expect_rows: 2 })))).toEqual({
        class: "refused",
        code: "expect_rows",
      })
      expect(await database.query("select reserved from stock")).toEqual([{ reserved: 11 }])
      expect((await connector.call(call({ ...all, expect_rows: ">=1" }))).class).toBe("done")
    })

    test.each([
      ["duplicate", "refused", "insert into stock values ('A', 1, 0)"],
      ["unknownTable", "misconfigured", "select * from nowhere"],
    ] as const)("%s is %s, and leaves nothing behind", async (word, expected, sql) => {
      const request = call({ sql })
      expect(await connectorTo().call(request)).toMatchObject({
        class: expected,
        code: dialect.code[word],
        barrier: true,
      })
      expect(await barrierOf(request.identity.transaction)).toBeUndefined()
    })

    test("9: waits for a lock within the attempt, leaves nothing, and is done once when it comes again", async () => {
      const holder = await database.openSession()
      cleanups.push(() => holder.close())
      await holder.query("begin")
      await holder.query("update stock set reserved = 1")
      const connector = connectorTo({ pool_size: 1 })
      const request = call({ sql: "update stock set reserved = reserved + 2" }, { budgetMs: 4_000 })
      const code = dialect.code.lockWait
      expect(brief(await connector.call(request))).toEqual({ class: "not_executed", code })
      expect(await barrierOf(request.identity.transaction)).toBeUndefined()
      await holder.query("commit")
      expect(brief(await connector.call(request))).toEqual({ class: "done" })
      expect(await connector.call(request)).toMatchObject({ note: "replayed from the barrier" })
      expect(await database.query("select reserved from stock")).toEqual([{ reserved: 3 }])
    })

    test("refuses a result that would not fit its row, and changes nothing", async () => {
      const sql = "select repeat('x', 2000000) as text"
      expect(brief(await connectorTo().call(call({ sql })))).toEqual({
        class: "misconfigured",
        code: "result_too_large",
      })
    })

    test("a closed port is not_executed, a guarded address misconfigured", async () => {
      const request = call(chargeOf("a"))
      const connector = connectorTo({ port: await closedPort(), pool_size: 1 })
      for (let attempt = 1; attempt <= 3; attempt++)
        expect(brief(await connector.call(request))).toEqual({ class: "not_executed", code: "ECONNREFUSED" })
      for (const host of ["127.0.0.1", "localhost", "0x7f000001"])
        expect(brief(await connectorTo({ host }, closedGuard).call(request)), host).toEqual({
          class: "misconfigured",
          code: "address_blocked",
        })
    })

    test.each(["attempt_timeout", "attempt_cancelled"] as const)(
      "%s stops the statement on the server, and waits for the rollback",
      async (code) => {
        const connector = connectorTo()
        await connector.call(call(chargeOf("warm")))
        const controller = new AbortController()
        const slow = { sql: `${dialect.slowCharge("20")} /* ${code} */`, args: ["stopped", "x"] }
        const ended = connector.call(
          call(slow, { signal: controller.signal, budgetMs: 30_000, transaction: code }),
        )
        await until(async () => (await database.backendsOf(code)).length === 1)
        const stoppedAt = Date.now()
        controller.abort(new AttemptAborted(code, "stopped by the test"))
        expect(await ended).toMatchObject({ class: "not_executed", code })
        expect(Date.now() - stoppedAt).toBeLessThan(5_000)
        expect(await database.backendsOf(code)).toEqual([])
        expect(await barrierOf(code)).toBeUndefined()
        expect(await effects("stopped")).toBe(0)
      },
    )

    test("a connection that is killed before COMMIT was not executed, and the next attempt works", async () => {
      const connector = connectorTo({ pool_size: 1 })
      await connector.call(call(chargeOf("warm")))
      const request = call({ sql: `${dialect.slowCharge("1")} /* victim */`, args: ["killed", "x"] })
      const ended = connector.call(request)
      await until(async () => (await database.backendsOf("victim */")).length === 1)
      await database.kill("all")
      expect(await ended).toMatchObject({
        class: "not_executed",
        code: expect.stringMatching(dialect.code.killed),
      })
      expect(await effects("killed")).toBe(0)
      await until(async () => (await connector.call(request)).class === "done", 15_000)
      expect(await effects("killed")).toBe(1)
    })

    test("an idle connection that was killed is replaced", async () => {
      const connector = connectorTo({ pool_size: 1 })
      await connector.call(call(chargeOf("warm")))
      await database.kill("all")
      const request = call(chargeOf("after"))
      await until(async () => (await connector.call(request)).class === "done")
      expect(await effects("after")).toBe(1)
    })

    test("a statement whose server cannot be told to stop ends with its connection", async () => {
      const proxy = await startProxy()
      const connector = connectorTo({ port: proxy.port })
      await connector.call(call(chargeOf("warm")))
      proxy.refuse = true
      const controller = new AbortController()
      const slow = { sql: `${dialect.slowCharge("3")} /* deaf */`, args: ["deaf", "x"] }
      const ended = connector.call(call(slow, { signal: controller.signal, budgetMs: 30_000 }))
      await until(async () => (await database.backendsOf("deaf */")).length === 1)
      controller.abort(new AttemptAborted("attempt_timeout", "stopped by the test"))
      expect(brief(await ended)).toEqual({ class: "not_executed", code: "attempt_timeout" })
      await until(async () => (await database.backendsOf("deaf */")).length === 0)
      expect(await effects("deaf")).toBe(0)
    })

    async function startProxy() {
      const proxy = await startCommitProxy(database.connection.port)
      cleanups.push(() => proxy.close())
      return proxy
    }

    describe("a lost COMMIT", () => {
      test("7: that was carried out is found by its barrier row", async () => {
        const proxy = await startProxy()
        const connector = connectorTo({ port: proxy.port })
        await connector.call(call(chargeOf("warm")))
        proxy.muteFromCommit = true
        const request = call(chargeOf("lost"))
        expect(await connector.call(request)).toMatchObject({
          class: "done",
          output: { rows: [], row_count: 1 },
          note: "replayed from the barrier",
        })
        expect(proxy.commits).toBe(2)
        expect(await effects("lost")).toBe(1)
      })

      test("that never arrived is proven not executed", async () => {
        const proxy = await startProxy()
        const connector = connectorTo({ port: proxy.port })
        await connector.call(call(chargeOf("warm")))
        proxy.dropCommit = true
        const request = call(chargeOf("dropped"))
        expect(brief(await connector.call(request))).toEqual({ class: "not_executed", code: "commit_lost" })
        expect(await effects("dropped")).toBe(0)
        proxy.dropCommit = false
        expect((await connector.call(request)).class).toBe("done")
        expect(await effects("dropped")).toBe(1)
      })

      test("7: stays unknown when the database cannot be asked, and the next attempt finds out", async () => {
        const proxy = await startProxy()
        const connector = connectorTo({ port: proxy.port })
        await connector.call(call(chargeOf("warm")))
        proxy.muteFromCommit = true
        proxy.refuseAfterCommit = true
        const request = call(chargeOf("gone"))
        expect(brief(await connector.call(request))).toEqual({ class: "unknown", code: "commit_lost" })
        proxy.muteFromCommit = false
        proxy.refuse = false
        expect(await connector.call(request)).toMatchObject({
          class: "done",
          note: "replayed from the barrier",
        })
        expect(await effects("gone")).toBe(1)
      })
    })

    test("a storm of killed connections never makes two effects, and every call ends", async () => {
      const connectors = [connectorTo({ pool_size: 8 }), connectorTo({ pool_size: 8 })]
      await connectors[0]?.call(call(chargeOf("warm")))
      const killing = startKilling(database, 15)
      let made = 0
      const sql = dialect.slowCharge("0.01")
      const finish = async (transaction: string, connector: Connector): Promise<void> => {
        for (let attempt = 1; attempt <= 100; attempt++) {
          const request = call({ sql, args: [transaction, "x"] }, { transaction, budgetMs: 5_000 })
          if ((await connector.call(request)).class === "done") return
        }
        throw new Error(`${transaction} did not end`)
      }
      while (made < 150 || killing.count() <= 7) {
        const first = made
        const some = Array.from({ length: 15 }, (_, at) => `storm-${first + at}`)
        made += some.length
        await Promise.all(some.flatMap((one) => connectors.map((connector) => finish(one, connector))))
      }
      await killing.stop()
      const rows = await database.query(
        "select txn, count(*) as n from effect where txn like 'storm-%' group by txn",
      )
      expect(rows).toHaveLength(made)
      expect(rows.filter(({ n }) => Number(n) !== 1)).toEqual([])
    })
  },
)
