/**
 * The subjects beside each other. A round gives each of them fresh servers of its own; then they take turns of some
 * seconds, while the others stand idle, so that the drift of the machine (a fifth within minutes) meets all of them
 * alike and their in-memory servers fill at the same pace.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { createStopList } from "../src/app/stop-list.ts"
import { callApi } from "./api-client.ts"
import { bundleByHand } from "./by-hand.ts"
import type { Options } from "./options.ts"
import { openStage, type Stage, startProduct } from "./stage.ts"
import { type CellResult, type HistoryFacts, type Part, startSubject, type SubjectKind } from "./subject.ts"
import { toFlow, WORKLOADS, type WorkloadName } from "./workloads.ts"

export interface Measured {
  workload: WorkloadName
  subject: SubjectKind
  concurrency: number
  /** Counted through all rounds. */
  turn: number
  result: CellResult
}

export interface Comparison {
  cells: Measured[]
  histories: { workload: WorkloadName; subject: SubjectKind; facts: HistoryFacts }[]
}

/** Of what is measured after the first number of callers, which has warmed the process up. */
const CHANGE_MS = 10_000
/** What comes before the window of one turn; the process itself is warm by then. */
const RUN_UP_MS = 3_000
/** Between two turns, for what the last one left to be done behind it: the mirror, the sweeper, Temporal's deletions. */
const PAUSE_MS = 2_000

export async function compare(options: Options): Promise<Comparison> {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-bench-"))
  const bundlePath = path.join(directory, "by-hand.js")
  const comparison: Comparison = { cells: [], histories: [] }
  try {
    await bundleByHand(bundlePath)
    for (let round = 0; round < options.rounds; round++)
      for (const workload of options.workloads) {
        const { cells, histories } = await runRound(options, { workload, bundlePath, round })
        comparison.cells.push(...cells)
        if (round === 0) comparison.histories.push(...histories)
      }
    return comparison
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Round {
  workload: WorkloadName
  bundlePath: string
  /** From 0. */
  round: number
}

async function runRound(options: Options, { workload, bundlePath, round }: Round): Promise<Comparison> {
  const stops = createStopList()
  try {
    const standing = []
    for (const subject of options.subjects) {
      const stage = await openStage()
      stops.add(subject, () => stage.stops.stop())
      standing.push({
        name: subject,
        ...(await openSubject(stage, { workload, subject, bundlePath }, options)),
      })
    }
    const cells: Measured[] = []
    for (const [at, concurrency] of options.concurrencies.entries()) {
      const warmUpMs = at === 0 ? options.warmUpMs : Math.min(options.warmUpMs, CHANGE_MS)
      for (const { subject, pids } of standing)
        await subject.ask("run", { concurrency, warmUpMs, windowMs: 0, pids })
      for (let turn = 0; turn < options.turns; turn++)
        for (const { name, subject, pids } of rotate(standing, turn)) {
          await sleep(PAUSE_MS)
          const { windowMs } = options
          const result = await subject.ask("run", { concurrency, warmUpMs: RUN_UP_MS, windowMs, pids })
          const serial = round * options.turns + turn + 1
          cells.push({ workload, subject: name, concurrency, turn: serial, result })
          console.error(
            `${workload} at ${concurrency}, turn ${serial}: ${name} ${result.perSecond.toFixed(1)}/s, p50 ${result.p50Ms.toFixed(1)} ms`,
          )
        }
    }
    const histories = []
    for (const { name, subject } of standing)
      histories.push({ workload, subject: name, facts: await subject.ask("history", null) })
    return { cells, histories }
  } finally {
    await stops.stop()
  }
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const at = by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}

interface Standing {
  workload: WorkloadName
  subject: SubjectKind
  bundlePath: string
}

async function openSubject(
  stage: Stage,
  { workload, subject: kind, bundlePath }: Standing,
  options: Options,
) {
  const { profileDir } = options
  const profiling =
    profileDir === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${path.join(profileDir, `${workload}-${kind}`)}`]
  const { temporal, targetUrl } = stage
  const setup = { kind, workload, temporalAddress: temporal.address, targetUrl, bundlePath }
  const server = { server: temporal.pid }
  if (kind === "by_hand_apart") {
    const worker = await startSubject({ ...setup, kind: "by_hand" }, profiling)
    stage.stops.add("the worker", worker.stop)
    const subject = await startSubject(setup)
    stage.stops.add("the subject", subject.stop)
    const pids: Partial<Record<Part, number>> = { ...server, worker: worker.pid, client: subject.pid }
    return { subject, pids }
  }
  if (kind !== "api") {
    const subject = await startSubject(setup, profiling)
    stage.stops.add("the subject", subject.stop)
    const pids: Partial<Record<Part, number>> = { ...server, worker: subject.pid }
    return { subject, pids }
  }
  const product = await startProduct(stage, profiling)
  const { apiUrl } = product
  await callApi(apiUrl, "/flows", { body: { definition: toFlow(WORKLOADS[workload]) } })
  const subject = await startSubject({ ...setup, apiUrl })
  stage.stops.add("the subject", subject.stop)
  const pids: Partial<Record<Part, number>> = {
    ...server,
    worker: product.pid,
    postgres: product.postgresPid,
    client: subject.pid,
  }
  return { subject, pids }
}
