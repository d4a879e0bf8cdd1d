/**
 * Transactions that go backward, with targets that lose replies, hang, cut, repeat and come late, processes that are
 * killed, and our own Postgres stopped in the middle. Judged from the books of the targets: whatever Holdfast says, a
 * transaction that was compensated left nothing behind, and one that succeeded did everything once.
 */
import { randomUUID } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Client, Connection } from "@temporalio/client"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type LocalPostgres, startPostgres } from "../../src/local/postgres.ts"
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { runCli } from "../helpers/cli.ts"
import type { Fault } from "../helpers/effect-ledger.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { checkHistory } from "./check-history.ts"
import { type Cluster, startCluster } from "./cluster.ts"
import { countFaults, disturbGates, harmOurselves, nothingInjected } from "./harm.ts"
import { hasEveryServer, startWorld, type World } from "./world.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 500 : 50
const KILLS = FULL ? 16 : 2
const OUTAGE_MS = FULL ? 20_000 : 4_000

const RETRY = { strategy: "auto", max_attempts: 4, interval: "100ms", max_interval: "500ms" }
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
    args: ["lamp"],
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

describe.skipIf(!hasEveryServer)("compensation under faults", () => {
  let directory: string
  let postgres: LocalPostgres
  let temporal: TestTemporal
  let world: World
  let cluster: Cluster
  const injected = { ...nothingInjected(), cancels: 0 }
  const quiet = new AbortController()

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "holdfast-backward-"))
    ;[postgres, temporal, world] = await Promise.all([startOurPostgres(), testTemporal(), startWorld()])
    cluster = await startCluster(2, {
      databaseUrl: postgres.url,
      temporalAddress: temporal.address,
      namespace: temporal.namespace,
      connections: world.connections,
      secrets: world.secrets,
    })
  }, 300_000)
  afterAll(async () => {
    quiet.abort()
    await cluster.stop()
    await world.stop()
    await postgres.stop()
    await rm(directory, { recursive: true, force: true })
  })

  function startOurPostgres(preferredPort?: number): Promise<LocalPostgres> {
    return startPostgres({
      stateDir: directory,
      environment: process.env,
      say: () => {},
      state: "kept",
      ...(preferredPort === undefined ? {} : { preferredPort }),
    })
  }

  async function outage(): Promise<void> {
    await postgres.stop()
    await sleep(OUTAGE_MS)
    postgres = await startOurPostgres(postgres.port)
  }

  test(
    `${TRANSACTIONS} transactions leak nothing and double nothing through ${KILLS} kills`,
    { timeout: 1_800_000 },
    async () => {
      const published = await cluster.call("POST", "/api/v1/flows", { definition: FLOW })
      expect(published.status, JSON.stringify(published.data)).toBe(201)
      const ids = Array.from({ length: TRANSACTIONS }, (_, at) => `b-${at}-${randomUUID().slice(0, 8)}`)
      for (const [at, id] of ids.entries()) await prepareFaults(at, id)
      const disturbed = disturbGates(world.gates, { quiet: quiet.signal, injected })
      const harmed = harmOurselves(cluster, { kills: KILLS, injected, outage })
      for (const [at, id] of ids.entries()) {
        await cluster.call("POST", "/api/v1/transactions", {
          instance_id: id,
          flow_id: FLOW.name,
          params: {},
        })
        if (at % 6 === 5) await cancel(ids[at - 3])
      }
      await harmed
      quiet.abort()
      await disturbed
      const quietSince = Date.now()
      const endings = await waitForEnds(ids)
      await check(endings, quietSince)
    },
  )

  async function prepareFaults(at: number, id: string): Promise<void> {
    for (const [position, name] of [...POSTED, ...POSTED.map((one) => `${one}-undo`)].entries()) {
      const faults = FAULTS[(at * 5 + position * 3) % FAULTS.length] ?? []
      const isRefused = name === "ship" && at % 2 === 0
      await world.ledger.misbehave(name, isRefused ? [...faults.slice(0, 2), "refuse"] : faults, id)
    }
  }

  /** Whatever it is doing just now. One that has ended says so. */
  async function cancel(id: string | undefined): Promise<void> {
    if (id === undefined) return
    const { status } = await cluster.call("POST", `/api/v1/transactions/${id}/cancel`)
    if (status === 200) injected.cancels++
  }

  async function waitForEnds(ids: string[]): Promise<Map<string, string>> {
    const endings = new Map<string, string>()
    const deadline = Date.now() + 600_000
    while (endings.size < ids.length) {
      for (const id of ids) {
        if (endings.has(id)) continue
        const { status } = (await cluster.call("GET", `/api/v1/transactions/${id}`)).data as {
          status: string
        }
        expect(["pending", "running", "compensating", "blocked", "success", "compensated"]).toContain(status)
        if (status === "success" || status === "compensated") endings.set(id, status)
        else if (status === "blocked") await cluster.call("POST", `/api/v1/transactions/${id}/retry`)
      }
      if (Date.now() > deadline)
        throw new Error(`still open: ${ids.filter((id) => !endings.has(id)).join(", ")}`)
      await sleep(250)
    }
    return endings
  }

  async function check(endings: Map<string, string>, quietSince: number): Promise<void> {
    const connection = await Connection.connect({ address: temporal.address })
    const client = new Client({
      connection,
      namespace: temporal.namespace,
      dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER_PATH },
    })
    const pool = new pg.Pool({ connectionString: postgres.url })
    try {
      const { checked } = await until(
        () => checkMirror({ pool, client }),
        ({ differences }) => differences.length === 0,
        { timeoutMs: Math.max(1_000, quietSince + 30_000 - Date.now()) },
      )
      expect(checked).toBe(TRANSACTIONS)
      // What is late arrives before the books are read.
      await sleep(5_000)
      const deliveries = await world.ledger.deliveries()
      const wrong: string[] = []
      for (const [id, ending] of endings) {
        await checkHistory(client, id)
        for (const name of POSTED) {
          const count = (what: string) =>
            deliveries.filter((one) => one.transaction === id && one.name === what && one.effect).length
          const [done, undone] = [count(name), count(`${name}-undo`)]
          const isRight = ending === "success" ? done === 1 && undone === 0 : done <= 1 && done === undone
          if (!isRight)
            wrong.push(`${id} ended as ${ending}: ${name} was done ${done}, undone ${undone} times`)
        }
      }
      expect(wrong).toEqual([])
      const successes = [...endings.values()].filter((ending) => ending === "success").length
      expect((await world.books()).reserved).toEqual({ postgres: successes, mysql: successes })
      expect(successes).toBeGreaterThan(TRANSACTIONS / 10)
      expect(TRANSACTIONS - successes).toBeGreaterThan(TRANSACTIONS / 10)
      const audited = await verifyAudit()
      // Each of them was answered, so each of them is on record, and the publishing of the flow.
      expect(audited).toBeGreaterThan(injected.cancels)
      const target = countFaults(deliveries.map(({ fault }) => fault))
      const counts = { success: successes, compensated: TRANSACTIONS - successes }
      process.stdout.write(
        `  ${JSON.stringify(counts)}, ${audited} rows of audit, faults injected: ${JSON.stringify({ ...injected, target })}\n`,
      )
    } finally {
      await pool.end()
      await connection.close()
    }
  }

  /** As an auditor does it: the chain holds, and every decision is in Temporal's history too. Answers its rows. */
  async function verifyAudit(): Promise<number> {
    const run = runCli(["audit", "verify", "--temporal", "-o", "json"], {
      cwd: directory,
      environment: {
        DATABASE_URL: postgres.url,
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
      },
    })
    expect(await run.ended, `${run.stdout()}${run.stderr()}`).toBe(0)
    const found = JSON.parse(run.stdout())
    expect(found).toEqual({
      chains: [{ tenant: "default", rows: expect.any(Number), head: expect.anything(), broken: null }],
      temporal: { checked: TRANSACTIONS, expired: 0, differences: [], failed: [] },
    })
    return found.chains[0].rows
  }
})
