/**
 * What is done to the targets' connections, and to ourselves, while transactions run. What it does when is made from
 * one seed, which is said.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { expect } from "vitest"
import type { TcpGate } from "../helpers/tcp-gate.ts"
import { until } from "../helpers/until.ts"
import type { Cluster } from "./cluster.ts"

export interface Injected {
  shut: number
  frozen: number
  /** When, in milliseconds. */
  kills: number[]
  outages: number[]
}

export interface HarmOptions {
  cluster: Cluster
  /** Of the transactions. Each has its id as `params.order`. */
  ids: readonly string[]
  /** Name of the flow that all of them run. */
  flow: string
  /** @param at the place of the transaction that was started, in `ids`. */
  afterStart?: (at: number) => Promise<void>
  kills: number
  /** Our own Postgres goes away, and comes back: once, in the middle of the kills. */
  outage?: () => Promise<void>
  gates?: readonly TcpGate[]
  /** Of the test: when its time is over, nothing more is harmed. */
  signal: AbortSignal
}

/** Starts all transactions, a share of them at each kill and outage, so that each of those meets some. */
export async function harm(options: HarmOptions): Promise<Injected> {
  const seed = Number(process.env.HOLDFAST_CHAOS_SEED ?? Math.ceil(Math.random() * 1e9))
  process.stdout.write(`  HOLDFAST_CHAOS_SEED=${seed}\n`)
  const injected: Injected = { shut: 0, frozen: 0, kills: [], outages: [] }
  const over = new AbortController()
  const quiet = AbortSignal.any([over.signal, options.signal])
  const { gates = [] } = options
  const disturbed = disturbGates(gates, { quiet, injected, random: createRandom(seed) })
  try {
    await harmOurselves(options, { injected, random: createRandom(seed + 1) })
  } finally {
    over.abort()
    await disturbed
  }
  expect(injected.kills).toHaveLength(options.kills)
  expect(injected.outages).toHaveLength(options.outage ? 1 : 0)
  if (gates.length > 0) {
    expect(injected.shut).toBeGreaterThan(0)
    expect(injected.frozen).toBeGreaterThan(0)
  }
  return injected
}

interface Doing {
  injected: Injected
  random: () => number
}

/** One after the other, shut and frozen by turns, and each of them the other way in the next round. */
async function disturbGates(
  gates: readonly TcpGate[],
  { quiet, injected, random }: Doing & { quiet: AbortSignal },
): Promise<void> {
  for (let round = 0; !quiet.aborted && gates.length > 0; round++)
    for (const [at, gate] of gates.entries()) {
      if (quiet.aborted) return
      if ((at + round) % 2 === 0) {
        injected.shut++
        gate.shut()
        await sleep(100 + random() * 400)
        gate.open()
      } else {
        injected.frozen++
        gate.freeze()
        await sleep(200 + random() * 1_500)
        gate.thaw()
      }
      await sleep(200 + random() * 400)
    }
}

/** While Postgres is away no process is killed: it could not start again. */
async function harmOurselves(
  { cluster, ids, flow, afterStart, kills, outage, signal }: HarmOptions,
  { injected, random }: Doing,
): Promise<void> {
  const left = ids.entries()
  const startNext = async () => {
    const { value } = left.next()
    if (value === undefined) return
    const [at, id] = value
    const start = { instance_id: id, flow_id: flow, params: { order: id } }
    const { status } = await cluster.call("POST", "/api/v1/transactions", start)
    expect([200, 201]).toContain(status)
    await afterStart?.(at)
  }
  const kill = async () => {
    injected.kills.push(Date.now())
    await cluster.killNext()
  }
  const acts = Array.from({ length: kills }, () => kill)
  if (outage)
    acts.splice(Math.ceil(kills / 2), 0, async () => {
      injected.outages.push(Date.now())
      await outage()
    })
  const share = Math.ceil(ids.length / acts.length)
  const startOthers = async () => {
    for (let started = 1; started < share; started++) await startNext()
  }
  for (const act of acts) {
    signal.throwIfAborted()
    await startNext()
    const others = startOthers()
    // It is awaited below, when the act is over.
    others.catch(() => undefined)
    try {
      await sleep(random() * 500)
      await until(
        () => countRunning(cluster),
        (count) => count > 0,
        { everyMs: 20 },
      )
      await act()
    } finally {
      await others
    }
  }
}

async function countRunning(cluster: Cluster): Promise<number> {
  const { data } = await cluster.call("GET", "/api/v1/transactions?status=running&page_size=1")
  // Shaped by our own API, whose tests check it.
  return (data as { pagination: { total: number } }).pagination.total
}

/** Of Park and Miller: the same seed gives the same numbers. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

/** What the target was to do, it did. */
export function countFaults(
  faults: readonly (string | null)[],
  wanted: readonly string[],
): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(wanted.map((fault) => [fault, 0]))
  for (const fault of faults) if (fault !== null) counts[fault] = (counts[fault] ?? 0) + 1
  const never = wanted.filter((fault) => counts[fault] === 0)
  expect(never, "faults that were never injected").toEqual([])
  return counts
}
