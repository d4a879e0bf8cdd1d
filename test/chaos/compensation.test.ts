/**
 * Transactions that go backward, with targets that lose replies, hang, cut, repeat and come late, processes that are
 * killed, and our own Postgres killed in the middle. Judged from the books of the targets: whatever Holdfast says, a
 * transaction that was compensated left nothing behind, and one that succeeded did everything once.
 */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Delivery, Fault } from "../helpers/effect-ledger.ts"
import { checkAll } from "./check-all.ts"
import { followToEnds } from "./follow.ts"
import { countFaults, harm } from "./harm.ts"
import { type Stage, startStage } from "./stage.ts"
import { hasEveryServer } from "./world.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 500 : 50
const KILLS = FULL ? 16 : 2
const OUTAGE_MS = FULL ? 20_000 : 4_000

const ATTEMPTS = 4
const RETRY = { strategy: "auto", max_attempts: ATTEMPTS, interval: "100ms", max_interval: "500ms" }
const AGAIN = { interval: "100ms", max_interval: "1s" }
const ATTEMPT = { attempt: "2s" }

const posting = (id: string, more: object = {}) => ({
  id,
  task_name: "http",
  effect: "keyed",
  retry: RETRY,
  timeout: ATTEMPT,
  config: { connection: "ledger", url: `/do/${id}`, body: {} },
  compensate: {
    task_name: "http",
    retry: AGAIN,
    timeout: ATTEMPT,
    config: { connection: "ledger", url: `/undo/${id}`, body: { key: "${ task.key }" } },
  },
  ...more,
})
const reserving = (id: string, connection: string, sign: string, more: object = {}) => {
  const moving = (by: string) => ({
    connection,
    sql: `update stock set reserved = reserved ${by} where sku = ${sign}`,
    args: ["${ params.order }"],
    expect_rows: 1,
  })
  return {
    id,
    task_name: "db",
    retry: RETRY,
    timeout: ATTEMPT,
    config: moving("+ 1"),
    compensate: { task_name: "db", retry: AGAIN, timeout: ATTEMPT, config: moving("- 1") },
    ...more,
  }
}
const FLOW = {
  name: "backward",
  policy: { failure: "compensate", compensation: { drain: "1s" } },
  tasks: [
    posting("order"),
    reserving("pg", "stock", "$1", { depends_on: ["order"] }),
    reserving("my", "business", "?", { depends_on: ["order"] }),
    posting("pay", { depends_on: ["order"] }),
    posting("ship", { depends_on: ["pay", "pg", "my"] }),
  ],
}
const POSTED = ["order", "pay", "ship"]
/** In turn, for calls and compensations alike. */
const FAULTS: Fault[][] = [
  [],
  ["reply_lost"],
  [],
  ["unavailable", "reply_lost"],
  ["error_after"],
  ["cut", "error_after"],
  ["hang_after"],
  ["duplicate"],
  ["late:1500"],
  ["late:4000", "late:200", "unavailable", "cut"],
  ["slow:400"],
]

const SCRIPTED = [...POSTED, ...POSTED.map((name) => `${name}-undo`)]

/** Of the transaction at that place in the row. Every second one is refused by `ship`, if it gets there. */
function faultsOf(at: number, position: number): Fault[] {
  const faults = FAULTS[(at * 5 + position * 3) % FAULTS.length] ?? []
  const isRefused = SCRIPTED[position] === "ship" && at % 2 === 0
  return isRefused ? [...faults.slice(0, 2), "refuse"] : faults
}

/** A refusal, or a fault at each attempt. */
function willFail(at: number): boolean {
  return at % 2 === 0 || POSTED.some((_, position) => faultsOf(at, position).length >= ATTEMPTS)
}

describe.skipIf(!hasEveryServer)("compensation under faults", () => {
  const ids = Array.from({ length: TRANSACTIONS }, (_, at) => `b-${at}-${randomUUID().slice(0, 8)}`)
  /** Whose cancel was taken. */
  const cancelled = new Set<string>()
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage(ids)
  }, 300_000)
  afterAll(() => stage.stop())

  test(
    `${TRANSACTIONS} transactions leak nothing and double nothing through ${KILLS} kills, and one of Postgres`,
    { timeout: 1_800_000 },
    async ({ signal }) => {
      const { cluster, world } = stage
      const published = await cluster.call("POST", "/api/v1/flows", { definition: FLOW })
      expect(published.status, JSON.stringify(published.data)).toBe(201)
      for (const [at, id] of ids.entries())
        for (const [position, name] of SCRIPTED.entries())
          await world.ledger.misbehave(name, faultsOf(at, position), id)
      const injected = await harm({
        cluster,
        ids,
        flow: FLOW.name,
        afterStart: (at) => (at % 6 === 5 ? cancel(ids[at - 2]) : Promise.resolve()),
        kills: KILLS,
        outage: () => stage.outage(OUTAGE_MS, "SIGKILL"),
        gates: world.gates,
        signal,
      })
      const quietSince = Date.now()
      // Nobody has to help: what goes backward is tried until it is done.
      const endings = await followToEnds({
        ...stage,
        ids,
        withinMs: 600_000,
        may: { be: ["pending", "running", "compensating"], end: ["success", "compensated"] },
      })
      const deliveries = await whenAllHasCome()
      const audited = await checkAll({
        ...stage,
        flow: FLOW,
        inLedger: POSTED,
        deliveries,
        endings,
        injected,
        quietSince,
      })
      // Each of them was answered, so each of them is on record, and the publishing of the flow.
      expect(audited).toBeGreaterThan(cancelled.size)
      const successes = await checkEndings(endings)
      const { shut, frozen } = injected
      const target = countFaults(
        deliveries.map(({ fault }) => fault),
        [...FAULTS.flat(), "refuse"],
      )
      const counts = { success: successes, compensated: TRANSACTIONS - successes, cancelled: cancelled.size }
      process.stdout.write(
        `  ${JSON.stringify(counts)}, ${audited} rows of audit, faults injected: ${JSON.stringify({ shut, frozen, target })}\n`,
      )
    },
  )

  /** Whatever it is doing just now. One that has ended says so. */
  async function cancel(id: string | undefined): Promise<void> {
    if (id === undefined) return
    const { status } = await stage.cluster.call("POST", `/api/v1/transactions/${id}/cancel`)
    expect([200, 409]).toContain(status)
    if (status === 200) cancelled.add(id)
  }

  /** What is late acts when its time has come, whatever became of its transaction. */
  async function whenAllHasCome(): Promise<Delivery[]> {
    const due = (await stage.world.ledger.deliveries()).map(({ at, fault }) =>
      fault?.startsWith("late:") ? at + Number(fault.slice("late:".length)) : at,
    )
    await sleep(Math.max(0, Math.max(...due) + 1_000 - Date.now()))
    return stage.world.ledger.deliveries()
  }

  async function checkEndings(endings: ReadonlyMap<string, string>): Promise<number> {
    const isSuccess = (id: string) => endings.get(id) === "success"
    const done = new Map(ids.map((id) => [id, isSuccess(id) ? 1 : 0]))
    expect((await stage.world.books()).reserved).toEqual({ postgres: done, mysql: done })
    expect(cancelled.size).toBeGreaterThan(0)
    expect([...cancelled].filter(isSuccess), "cancelled, and went on").toEqual([])
    const expected = ids.filter((id, at) => !cancelled.has(id) && !willFail(at))
    const lost = await Promise.all(expected.filter((id) => !isSuccess(id)).map(errorOf))
    process.stdout.write(`  ${expected.length - lost.length} of ${expected.length} expected successes\n`)
    // No target failed it as often as it may be tried: nothing of ours may be the reason to go back.
    expect(lost).toEqual([])
    return ids.filter(isSuccess).length
  }

  async function errorOf(id: string): Promise<unknown> {
    const { data } = await stage.cluster.call("GET", `/api/v1/transactions/${id}`)
    // Shaped by our own API, whose tests check it.
    return { id, error: (data as { error: unknown }).error }
  }
})
