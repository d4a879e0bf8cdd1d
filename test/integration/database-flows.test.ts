/** Db tasks through the whole product, judged by the business database's own books. */
import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { BARRIER_USERS } from "../helpers/barrier-users.ts"
import { type BusinessDatabase, businessDialects } from "../helpers/business-databases.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { createNodeApi, type NodeApi } from "../helpers/node-api.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const ORDER = "${ params.order }"
const STOCK = 60

describe.each(businessDialects.map((dialect) => [dialect.name, dialect] as const))(
  "a flow of db tasks on %s",
  (_name, dialect) => {
    const $ = (position: number) => dialect.placeholder(position)
    const db = (sql: string, args: unknown[], more: object = {}) => ({
      task_name: "db",
      config: { connection: "shop", sql, args, ...more },
    })
    const NOTE = `insert into effect (txn, note) values (${$(1)}, ${$(2)})`
    const noted = (id: string, ...depends_on: string[]) => ({
      id,
      depends_on,
      ...db(NOTE, [ORDER, id]),
      compensate: db(NOTE, [ORDER, `${id} undone`]),
    })
    const reserve = (sign: "+" | "-") =>
      `update stock set reserved = reserved ${sign} ${$(1)} where sku = 'A'`
    const FLOWS = [
      { name: "charge", tasks: [{ id: "pay", ...db(NOTE, [ORDER, "charge"]) }] },
      {
        name: "order",
        policy: { failure: "compensate" },
        tasks: [
          noted("order"),
          noted("pay", "order"),
          {
            id: "reserve",
            depends_on: ["pay"],
            ...db(`${reserve("+")} and on_hand - reserved >= ${$(2)}`, [STOCK + 1, STOCK + 1], {
              expect_rows: 1,
            }),
            compensate: db(reserve("-"), [STOCK + 1]),
          },
          noted("ship", "reserve"),
        ],
      },
      {
        name: "slow",
        tasks: [
          {
            id: "pay",
            retry: { strategy: "auto", max_attempts: 100, interval: "100ms", max_interval: "300ms" },
            timeout: { attempt: "2s" },
            ...db(dialect.slowCharge("(select on_hand from stock where sku = 'A')"), [ORDER, "charge"]),
          },
        ],
      },
    ]

    let business: BusinessDatabase
    let database: TestDatabase
    let node: HoldfastNode
    let api: NodeApi

    beforeAll(async () => {
      ;[business, database] = await Promise.all([dialect.open(), createTestDatabase()])
      const temporal = await testTemporal()
      node = await createNode({
        databaseUrl: database.url,
        temporalAddress: temporal.address,
        namespace: temporal.namespace,
        // With one connection nothing goes on after one that is not given back.
        connections: [{ name: "shop", ...business.connection, password_secret: "shop", pool_size: 1 }],
        secrets: { shop: business.password },
      })
      await node.start()
      api = createNodeApi(node.url)
      for (const flow of FLOWS) await api.publish(flow)
    })
    afterAll(async () => {
      await node.stop()
      await business.drop()
      await database.drop()
    })
    beforeEach(async () => {
      await business.query("delete from stock")
      await business.query("insert into stock values ('A', ?, 0)", [STOCK])
    })

    const start = async (flow: string) => {
      const id = randomUUID()
      await api.start(flow, id, { order: id })
      return id
    }
    const notes = async (id: string) =>
      (await business.query("select note from effect where txn = ? order by id", [id])).map(
        ({ note }) => note,
      )
    /** The states of its rows, by task. */
    const barrierOf = async (id: string) =>
      Object.fromEntries(
        (
          await business.query("select task, state from holdfast_barrier where txn = ?", [`default/${id}`])
        ).map(({ task, state }) => [task, state]),
      )
    const attemptsOf = async (
      id: string,
    ): Promise<{ class: string; outcome: string; code: string | null }[]> =>
      (await api.get(`/transactions/${id}/tasks/pay/attempts?limit=100`)).list

    test("11: a key that was used for another request parks the task, with an exception of its own", async () => {
      const id = randomUUID()
      const before = await BARRIER_USERS["a db task"]({ database: business })
      await before.do({ tenant: "default", transaction: id, sql: NOTE, args: [id, "another's"] })
      await before.close()
      await api.start("charge", id, { order: id })
      const { tasks } = await api.reaches(id, "blocked")
      expect(tasks).toMatchObject([{ task_id: "pay", status: "parked", outcome: "unknown" }])
      expect(await api.exceptionOf(id)).toMatchObject({
        kind: "key_reused",
        error_code: "key_reused",
        severity: "critical",
      })
      expect(await notes(id)).toEqual(["another's"])
    })

    test("12: stock that does not suffice is a refusal without a row, and what was done is undone", async () => {
      const id = await start("order")
      const { tasks } = await api.reaches(id, "compensated")
      expect(tasks).toMatchObject([
        { task_id: "order", status: "success", compensation: "success" },
        { task_id: "pay", status: "success", compensation: "success" },
        { task_id: "reserve", status: "failed", outcome: "rejected", compensation: "not_needed" },
        { task_id: "ship", outcome: "not_started" },
      ])
      expect(await api.exceptionOf(id)).toMatchObject({ kind: "rejected", error_code: "expect_rows" })
      expect(await notes(id)).toEqual(["order", "pay", "pay undone", "order undone"])
      expect(await barrierOf(id)).toEqual({ order: "COMPENSATED", pay: "COMPENSATED" })
      expect(await business.query("select on_hand, reserved from stock")).toEqual([
        { on_hand: STOCK, reserved: 0 },
      ])
    })

    test("13: a statement that takes too long is stopped, and runs again; it leaves no session", async () => {
      const id = await start("slow")
      const stopped = await until(
        () => attemptsOf(id),
        (attempts) => attempts.some(({ code }) => code === dialect.code.timeout),
      )
      for (const { class: found, outcome } of stopped)
        expect([found, outcome]).toEqual(["not_executed", "not_executed"])
      expect(await notes(id)).toEqual([])
      expect(await barrierOf(id)).toEqual({})
      await business.query("update stock set on_hand = 0")
      await api.reaches(id, "success")
      expect(await notes(id)).toEqual(["charge"])
      expect(await barrierOf(id)).toEqual({ pay: "APPLIED" })
      await until(
        () => business.sessions(),
        (sessions) => sessions <= 1,
      )
    })
  },
)
