/**
 * One barrier, whoever uses it: what design 4.3 promises, on every database, to db tasks and to participants. What is
 * an answer of a task's connector alone: barrier-undo.test.ts, activities-databases.test.ts.
 */
import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { until } from "../../src/activities/calls.testsuite.ts"
import {
  BARRIER_USERS,
  type BarrierUser,
  type EffectAnswer,
  type UserOptions,
} from "../helpers/barrier-users.ts"
import { type BusinessDatabase, businessDialects, startKilling } from "../helpers/business-databases.ts"
import { startCommitProxy } from "../helpers/commit-proxy.ts"

const RACES = process.env.HOLDFAST_SOAK === "full" ? 1_000 : 100

const combinations = businessDialects.flatMap((dialect) =>
  Object.entries(BARRIER_USERS).map(([who, open]) => [who, dialect.name, { dialect, open }] as const),
)

describe.each(combinations)("the barrier of %s on %s", (_who, _name, { dialect, open }) => {
  let database: BusinessDatabase
  let user: BarrierUser
  const cleanups: (() => unknown)[] = []
  const $ = (position: number) => dialect.placeholder(position)

  beforeAll(async () => {
    database = await dialect.open()
    // By whom the table is made is no part of the contract.
    const first = await BARRIER_USERS["a db task"]({ database })
    await first.do(charge("install"))
    await first.close()
  })
  afterAll(() => database.drop())
  beforeEach(async () => {
    for (const table of ["effect", "stock"]) await database.query(`delete from ${table}`)
    await database.query("insert into stock values ('A', 10, 0), ('B', 10, 0)")
    user = await userOf()
  })
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  })

  async function userOf(options: Omit<UserOptions, "database"> = {}): Promise<BarrierUser> {
    const made = await open({ database, ...options })
    cleanups.push(() => made.close())
    return made
  }

  const note = (transaction: string, text: string) => ({
    transaction,
    sql: `insert into effect (txn, note) values (${$(1)}, ${$(2)})`,
    args: [transaction, text],
  })
  const charge = (transaction: string) => note(transaction, "charge")
  const refund = (transaction: string) => note(transaction, "refund")
  const notes = async (transaction: string) =>
    (await database.query("select note from effect where txn = ? order by id", [transaction])).map(
      ({ note }) => note,
    )
  const rowOf = async (transaction: string) =>
    (await database.query("select * from holdfast_barrier where txn = ?", [`acme/${transaction}`]))[0]
  const named = (name: string) => `${name}-${randomBytes(4).toString("hex")}`
  /** A transaction that somebody else has begun. */
  async function openTransaction() {
    const other = await database.openSession()
    cleanups.push(() => other.close())
    await other.query("begin")
    return other
  }
  const isDone = expect.objectContaining({ done: true })

  test("does once, with its row", async () => {
    const id = named("once")
    const answer = await user.do(charge(id))
    expect(answer).toMatchObject({ done: true, output: { row_count: 1 } })
    expect(await notes(id)).toEqual(["charge"])
    expect(await rowOf(id)).toMatchObject({
      task: "pay",
      generation: 1,
      state: "APPLIED",
      applied_at: expect.any(Date),
    })
  })

  test("answers a repeat with the stored result, also another process's", async () => {
    const id = named("repeat")
    const first = await user.do(charge(id))
    expect(await user.do(charge(id))).toEqual(first)
    expect(await (await userOf()).do(charge(id))).toEqual(first)
    expect(await notes(id)).toEqual(["charge"])
  })

  test("of twenty at once one does it, and all answer the same", async () => {
    const id = named("crowd")
    const answers = await Promise.all(Array.from({ length: 20 }, () => user.do(charge(id))))
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
    expect(answers[0]).toEqual(isDone)
    expect(await notes(id)).toEqual(["charge"])
  })

  test("an effect that fails leaves nothing, and may come again", async () => {
    const id = named("fails")
    expect(await user.do({ transaction: id, sql: "insert into stock values ('A', 1, 0)" })).toMatchObject({
      done: false,
    })
    expect(await rowOf(id)).toBeUndefined()
    expect(await user.do(charge(id))).toEqual(isDone)
  })

  test("undoes what was done, once, and closes the row", async () => {
    const id = named("undone")
    await user.do(charge(id))
    const first = await user.undo(refund(id))
    expect(first).toMatchObject({ done: true, output: { row_count: 1 } })
    expect(await user.undo(refund(id))).toEqual(first)
    expect(await notes(id)).toEqual(["charge", "refund"])
    expect(await rowOf(id)).toMatchObject({ state: "COMPENSATED", closed_at: expect.any(Date) })
    expect(await user.do(charge(id))).toEqual({ done: false, code: "rejected_after_compensation" })
    expect(await notes(id)).toEqual(["charge", "refund"])
  })

  test("of twenty undoings at once one does it, and all answer the same", async () => {
    const id = named("undoers")
    await user.do(charge(id))
    const answers = await Promise.all(Array.from({ length: 20 }, () => user.undo(refund(id))))
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
    expect(await notes(id)).toEqual(["charge", "refund"])
  })

  test("where nothing was done nothing is undone, and what comes later is refused", async () => {
    const id = named("early")
    expect(await user.undo(refund(id))).toEqual({ done: true, output: null })
    expect(await user.undo(refund(id))).toEqual({ done: true, output: null })
    expect(await rowOf(id)).toMatchObject({ state: "BLOCKED", closed_at: expect.any(Date) })
    expect(await user.do(charge(id))).toEqual({ done: false, code: "rejected_after_compensation" })
    expect(await notes(id)).toEqual([])
  })

  test("an undoing that fails leaves what was done as it is", async () => {
    const id = named("stays")
    await user.do(charge(id))
    expect(await user.undo({ transaction: id, sql: "insert into stock values ('A', 1, 0)" })).toMatchObject({
      done: false,
    })
    expect(await rowOf(id)).toMatchObject({ state: "APPLIED" })
    expect(await user.undo(refund(id))).toEqual(isDone)
    expect(await notes(id)).toEqual(["charge", "refund"])
  })

  test("11: refuses another request under the same key, and takes it as another generation", async () => {
    const id = named("reused")
    await user.do(note(id, "1"))
    expect(await user.do(note(id, "2"))).toEqual({ done: false, code: "key_reused" })
    expect(await user.do({ ...note(id, "2"), generation: 2 })).toEqual(isDone)
    expect(await user.undo({ ...note(id, "undone 1"), generation: 1 })).toEqual(isDone)
    expect(await user.do({ ...note(id, "2"), generation: 2 })).toEqual(isDone)
    expect(await notes(id)).toEqual(["1", "2", "undone 1"])
  })

  test("keeps text as it is: quotes, backslashes, other scripts", async () => {
    const id = named(`o'hara \\ "订单" \\' $1 ? --`)
    const plain = named("odd")
    const odd = { ...note(plain, `it's \\ $1 ?`), transaction: id }
    const first = await user.do(odd)
    expect(await user.do(odd)).toEqual(first)
    expect(await rowOf(id)).toMatchObject({ txn: `acme/${id}`, state: "APPLIED" })
    expect(await notes(plain)).toEqual([`it's \\ $1 ?`])
    expect(await user.undo({ ...refund(plain), transaction: id })).toEqual(isDone)
  })

  test("an undoing waits for what is being done, and undoes it", async () => {
    const id = named("overlap")
    const other = await openTransaction()
    await other.query("update stock set reserved = 1 where sku = 'A'")
    const doing = user.do({ ...charge(id), sql: dialect.heldCharge })
    await until(() => database.isBlocked())
    const undoing = user.undo(refund(id))
    await until(() => database.isBlocked(2))
    await other.query("commit")
    expect([await doing, await undoing]).toEqual([isDone, isDone])
    expect(await notes(id)).toEqual(["charge", "refund"])
  })

  test("10: of three that wait for one that is rolled back, one does it, and all answer the same", async () => {
    const id = named("inserters")
    const before = await database.deadlocks()
    const other = await openTransaction()
    const takeC = "insert into stock values ('C', 1, 0)"
    await other.query(takeC)
    // It has the barrier's row until it hears that there is a C.
    const holder = user.do({ transaction: id, sql: takeC })
    await until(() => database.isBlocked())
    const waiting = Array.from({ length: 3 }, () => user.do(charge(id)))
    await until(() => database.isBlocked(4))
    await other.query("commit")
    expect(await holder).toMatchObject({ done: false })
    const answers = await Promise.all(waiting)
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
    expect(answers[0]).toEqual(isDone)
    expect(await notes(id)).toEqual(["charge"])
    // InnoDB lets all three have the place of the row that went away, where none can insert while another has it too.
    if (database.connection.kind === "mysql") expect(await database.deadlocks()).toBeGreaterThan(before)
  })

  test("is run again as a whole when it lost a deadlock", async () => {
    const id = named("deadlock")
    const before = await database.deadlocks()
    const other = await openTransaction()
    // InnoDB ends the transaction that has changed less, Postgres the one that waited first.
    for (let more = 0; more < 50; more++)
      await other.query("insert into effect (txn, note) values ('other', 'x')")
    await other.query("update stock set reserved = 1 where sku = 'B'")
    const doing = user.do({ transaction: id, sql: "update stock set on_hand = on_hand - 1" })
    // It has A by then, and waits for B.
    await until(() => database.isBlocked())
    await other.query("update stock set reserved = 1 where sku = 'A'")
    await other.query("commit")
    expect(await doing).toMatchObject({ done: true, output: { row_count: 2 } })
    expect(await database.query("select on_hand from stock")).toEqual([{ on_hand: 9 }, { on_hand: 9 }])
    await until(async () => (await database.deadlocks()) > before, 15_000)
  })

  describe("a COMMIT", () => {
    async function throughProxy() {
      const proxy = await startCommitProxy(database.connection.port)
      cleanups.push(() => proxy.close())
      const far = await userOf({ port: proxy.port })
      await far.do(charge(named("warm")))
      return { proxy, far }
    }

    test("whose answer is lost is found by its row: do", async () => {
      const { proxy, far } = await throughProxy()
      const id = named("lost")
      proxy.muteFromCommit = true
      expect(await far.do(charge(id))).toMatchObject({ done: true, output: { row_count: 1 } })
      expect(await notes(id)).toEqual(["charge"])
    })

    test("whose answer is lost is found by its row: undo", async () => {
      const { proxy, far } = await throughProxy()
      const id = named("lost")
      await far.do(charge(id))
      proxy.muteFromCommit = true
      expect(await far.undo(refund(id))).toMatchObject({ done: true, output: { row_count: 1 } })
      expect(await notes(id)).toEqual(["charge", "refund"])
    })

    test("that never arrived has done nothing, and the call may come again", async () => {
      const { proxy, far } = await throughProxy()
      const id = named("dropped")
      proxy.dropCommit = true
      expect(await far.do(charge(id))).toMatchObject({ done: false })
      expect(await notes(id)).toEqual([])
      proxy.dropCommit = false
      await until(async () => (await far.do(charge(id))).done)
      expect(await notes(id)).toEqual(["charge"])
    })

    test("is unknown while the database cannot be asked, and a repeat finds out", async () => {
      const { proxy, far } = await throughProxy()
      const id = named("gone")
      proxy.muteFromCommit = true
      proxy.refuseAfterCommit = true
      expect(await far.do(charge(id))).toEqual({
        done: false,
        code: expect.stringMatching(/^(commit_lost|outcome_unknown)$/),
      })
      proxy.muteFromCommit = false
      proxy.refuseAfterCommit = false
      proxy.refuse = false
      await until(async () => (await far.do(charge(id))).done)
      expect(await notes(id)).toEqual(["charge"])
    })
  })

  test(`${RACES} races of do and undo while connections are killed: no effect stays`, async () => {
    const storm = await userOf({ poolSize: 20 })
    const killing = startKilling(database, 25)
    const insist = async (make: () => Promise<EffectAnswer>) => {
      for (;;) {
        const answer = await make()
        if (answer.done || answer.code === "rejected_after_compensation") return
      }
    }
    let races = 0
    const racer = async () => {
      while (races < RACES || killing.count() <= RACES / 20) {
        races++
        const one = named("race")
        await Promise.all([
          insist(() => storm.do(charge(one))),
          sleep(Math.random() * 10).then(() => insist(() => storm.undo(refund(one)))),
        ])
      }
    }
    await Promise.all(Array.from({ length: 8 }, racer))
    await killing.stop()
    const books = new Map<unknown, unknown[]>()
    for (const { txn, note } of await database.query("select txn, note from effect"))
      books.set(txn, [...(books.get(txn) ?? []), note])
    // Either nothing at all, or one charge and one refund.
    const isWhole = (all: unknown[]) => all.length === 2 && all.includes("charge") && all.includes("refund")
    const wrong = [...books].filter(([, all]) => !isWhole(all))
    expect(wrong).toEqual([])
    expect(books.size).toBeGreaterThan(RACES / 20)
  }, 600_000)
})
