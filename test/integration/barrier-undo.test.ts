/**
 * The two halves of the barrier against each other (design 4.3), on real databases: what is done is undone once, what
 * was never done is fenced off, and whoever comes second waits for whoever came first.
 */
import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { AttemptAborted, type CallRequest, type Connector } from "../../src/activities/call.ts"
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
import type { Template } from "../../src/contract/tree.ts"
import { type BusinessDatabase, businessDialects, startKilling } from "../helpers/business-databases.ts"

const RACES = process.env.HOLDFAST_SOAK === "full" ? 3_000 : 300

describe.each(businessDialects.map((dialect) => [dialect.name, dialect] as const))(
  "undoing a db task on %s",
  (_name, dialect) => {
    let database: BusinessDatabase
    let connector: Connector
    const cleanups: (() => unknown)[] = []
    const $ = (position: number) => dialect.placeholder(position)

    beforeAll(async () => {
      database = await dialect.open()
      await database.query("insert into stock values ('A', 10, 0)")
    })
    afterAll(() => database.drop())
    beforeEach(async () => {
      await database.query("delete from effect")
      connector = connectorTo(10)
    })
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
    })

    function connectorTo(poolSize: number): Connector {
      const made = createDbConnector({
        connections: connectionsOf({
          name: "inventory",
          ...database.connection,
          password_secret: "inventory_password",
          pool_size: poolSize,
        }),
        secrets: secretsOf({ inventory_password: database.password }),
        guard: localGuard,
      })
      cleanups.push(() => made.close())
      return made
    }

    type Parts = Partial<CallRequest> & { sql?: string; args?: unknown[] }
    const request = (operation: "do" | "undo", transaction: string, { sql, args, ...parts }: Parts = {}) =>
      createCall({
        kind: "db",
        identity: { ...identity, transaction, operation },
        config: { connection: "inventory", sql: sql ?? "", args: args ?? [] },
        budgetMs: 10_000,
        ...parts,
      })
    const charge = (transaction: string, parts: Parts = {}) =>
      request("do", transaction, {
        sql: `insert into effect (txn, note) values (${$(1)}, ${$(2)})`,
        args: [transaction, "charge"],
        ...parts,
      })
    const refund = (transaction: string, parts: Parts = {}) =>
      request("undo", transaction, {
        sql: `insert into effect (txn, note) values (${$(1)}, ${$(2)})`,
        args: [transaction, "refund"],
        undoes: "unknown",
        ...parts,
      })
    const notes = async (transaction: string) =>
      (await database.query("select note from effect where txn = ? order by id", [transaction])).map(
        ({ note }) => note,
      )
    const rowOf = async (transaction: string) =>
      (await database.query("select * from holdfast_barrier where txn = ?", [`acme/${transaction}`]))[0]
    const named = (name: string) => `${name}-${randomBytes(3).toString("hex")}`

    test("undoes what was done, once, and keeps what came of it", async () => {
      const id = named("undone")
      await connector.call(charge(id))
      expect(await connector.call(refund(id))).toMatchObject({ class: "done", output: { row_count: 1 } })
      expect(await connector.call(refund(id))).toMatchObject({
        class: "done",
        output: { row_count: 1 },
        note: "replayed from the barrier",
      })
      expect(await notes(id)).toEqual(["charge", "refund"])
      expect(await rowOf(id)).toMatchObject({ state: "COMPENSATED", closed_at: expect.any(Date) })
    })

    test("42: twenty copies at once refund once", async () => {
      const id = named("copies")
      await connector.call(charge(id))
      const verdicts = await Promise.all(Array.from({ length: 20 }, () => connector.call(refund(id))))
      expect(new Set(verdicts.map(({ class: found }) => found))).toEqual(new Set(["done"]))
      expect(await notes(id)).toEqual(["charge", "refund"])
    })

    test("2, 3: where nothing was done nothing is undone, and what comes later is refused", async () => {
      const id = named("null")
      expect(await connector.call(refund(id))).toMatchObject({ class: "done", output: null })
      expect(await rowOf(id)).toMatchObject({ state: "BLOCKED" })
      expect(brief(await connector.call(charge(id)))).toEqual({
        class: "refused",
        code: "rejected_after_compensation",
      })
      expect(await notes(id)).toEqual([])
      expect(await connector.call(refund(id))).toMatchObject({ class: "done", output: null })
    })

    test("what a person says was done elsewhere is undone, without a row of it", async () => {
      const id = named("elsewhere")
      expect(await connector.call(refund(id, { undoes: "executed" }))).toMatchObject({
        output: { row_count: 1 },
      })
      expect(await rowOf(id)).toMatchObject({ state: "COMPENSATED" })
      expect(brief(await connector.call(charge(id)))).toMatchObject({ code: "rejected_after_compensation" })
      await connector.call(refund(id, { undoes: "executed" }))
      expect(await notes(id)).toEqual(["refund"])
    })

    test("a compensation of what was done elsewhere, by another kind of task, is a call like any other", async () => {
      const id = named("foreign")
      const other = { undoes: undefined }
      expect(await connector.call(refund(id, other))).toMatchObject({ output: { row_count: 1 } })
      expect(await connector.call(refund(id, other))).toMatchObject({ note: "replayed from the barrier" })
      expect(await notes(id)).toEqual(["refund"])
    })

    test("an expression that finds nothing in the stored result is a mistake of the flow, and changes nothing", async () => {
      const id = named("wrong")
      await connector.call(charge(id))
      const late = {
        config: { sql: "x", args: ["[", ["$", ["f", ["f", ["v", "output"], "nope"], "id"]]] as Template },
        scope: { params: {} },
      }
      expect(brief(await connector.call(refund(id, { late })))).toEqual({
        class: "misconfigured",
        code: "expression_error",
      })
      expect(await rowOf(id)).toMatchObject({ state: "APPLIED" })
    })

    test("4: waits for a task that is being done, and undoes it", async () => {
      const id = named("overlap")
      const other = await database.openSession()
      cleanups.push(() => other.close())
      await other.query("begin")
      await other.query("update stock set reserved = 1")
      const doing = connector.call(charge(id, { sql: dialect.heldCharge }))
      await until(() => database.isBlocked())
      const undoing = connector.call(refund(id))
      await until(() => database.isBlocked(2))
      await other.query("commit")
      expect([(await doing).class, (await undoing).class]).toEqual(["done", "done"])
      expect(await notes(id)).toEqual(["charge", "refund"])
    })

    test("5: waits for a task that is being done and is rolled back, and fences it off", async () => {
      const id = named("rollback")
      const controller = new AbortController()
      const slow = charge(id, {
        sql: `${dialect.slowCharge("20")} /* ${id} */`,
        signal: controller.signal,
        budgetMs: 30_000,
      })
      const doing = connector.call(slow)
      await until(async () => (await database.backendsOf(id)).length === 1)
      const undoing = connector.call(refund(id))
      await until(() => database.isBlocked())
      controller.abort(new AttemptAborted("attempt_cancelled", "stopped by the test"))
      expect(await doing).toMatchObject({ class: "not_executed" })
      expect(await undoing).toMatchObject({ class: "done", output: null })
      expect(await notes(id)).toEqual([])
      expect(await rowOf(id)).toMatchObject({ state: "BLOCKED" })
    })

    test("an undoing that is refused leaves the task done", async () => {
      const id = named("refused")
      await connector.call(charge(id))
      const wrong = refund(id, { sql: `update effect set note = 'x' where txn = ${$(1)}`, args: ["nobody"] })
      wrong.config["expect_rows"] = 1
      expect(brief(await connector.call(wrong))).toEqual({ class: "refused", code: "expect_rows" })
      expect(await rowOf(id)).toMatchObject({ state: "APPLIED" })
      expect((await connector.call(refund(id))).class).toBe("done")
    })

    test("a result that nobody heard of is read from the barrier", async () => {
      const id = named("late")
      const output: Template = ["$", ["f", ["v", "output"], "row_count"]]
      await connector.call(charge(id))
      const args: Template = [
        "[",
        ["$", ["f", ["v", "params"], "order"]],
        ["$", ["f", ["v", "output"], "count"]],
      ]
      const late = {
        config: { connection: "inventory", sql: refund(id).config["sql"] as string, args },
        output: { count: output },
        scope: { params: { order: id }, input: null },
      }
      expect(await connector.call(refund(id, { late }))).toMatchObject({ class: "done" })
      // The count of rows of the charge: what the task's own output says of its stored result.
      expect(await notes(id)).toEqual(["charge", "1"])
    })

    test(`8: ${RACES} races of task and undoing while connections are killed: no effect stays`, async () => {
      const storm = connectorTo(20)
      const killing = startKilling(database, 25)
      const insist = async (make: () => CallRequest) => {
        for (;;) {
          const verdict = await storm.call(make())
          if (verdict.class === "done" || verdict.class === "refused") return verdict
        }
      }
      let races = 0
      const racer = async () => {
        while (races < RACES || killing.count() <= RACES / 20) {
          races++
          const one = named("race")
          await Promise.all([
            insist(() => charge(one)),
            sleep(Math.random() * 10).then(() => insist(() => refund(one))),
          ])
        }
      }
      await Promise.all(Array.from({ length: 8 }, racer))
      await killing.stop()
      const books = await database.query("select txn, note from effect")
      const found = new Map<unknown, unknown[]>()
      for (const { txn, note } of books) found.set(txn, [...(found.get(txn) ?? []), note])
      // Either nothing at all, or one charge and one refund.
      const isWhole = (all: unknown[]) => all.length === 2 && all.includes("charge") && all.includes("refund")
      const wrong = [...found].filter(([, all]) => !isWhole(all))
      expect(wrong).toEqual([])
      expect(found.size).toBeGreaterThan(RACES / 20)
    }, 600_000)
  },
)
