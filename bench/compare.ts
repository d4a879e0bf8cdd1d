/**
 * The subjects beside each other. Each workload gives every subject a turn of its own, one after the other, in an
 * order that changes with the round, so that the drift of the machine meets all of them alike.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
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
  round: number
  result: CellResult
}

export interface Comparison {
  cells: Measured[]
  histories: { workload: WorkloadName; subject: SubjectKind; facts: HistoryFacts }[]
}

export async function compare(options: Options): Promise<Comparison> {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-bench-"))
  const bundlePath = path.join(directory, "by-hand.js")
  const comparison: Comparison = { cells: [], histories: [] }
  try {
    await bundleByHand(bundlePath)
    for (let round = 1; round <= options.rounds; round++)
      for (const workload of options.workloads)
        for (const subject of rotate(options.subjects, round)) {
          const turn = await runTurn(options, { workload, subject, bundlePath })
          for (const { concurrency, result } of turn.cells) {
            comparison.cells.push({ workload, subject, concurrency, round, result })
            console.error(
              `round ${round}  ${workload} ${subject} at ${concurrency}: ${result.perSecond.toFixed(1)}/s, p50 ${result.p50Ms.toFixed(1)} ms`,
            )
          }
          if (round === 1) comparison.histories.push({ workload, subject, facts: turn.history })
        }
    return comparison
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const at = by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}

interface Turn {
  workload: WorkloadName
  subject: SubjectKind
  bundlePath: string
}

async function runTurn(
  options: Options,
  turn: Turn,
): Promise<{ cells: { concurrency: number; result: CellResult }[]; history: HistoryFacts }> {
  const stage = await openStage()
  try {
    const { subject, pids } = await openSubject(stage, turn, options)
    const cells = []
    for (const concurrency of options.concurrencies) {
      const { warmUpMs, windowMs } = options
      const result = await subject.ask("run", { concurrency, warmUpMs, windowMs, pids })
      cells.push({ concurrency, result })
    }
    return { cells, history: await subject.ask("history", null) }
  } finally {
    await stage.stops.stop()
  }
}

async function openSubject(stage: Stage, { workload, subject: kind, bundlePath }: Turn, options: Options) {
  const { profileDir } = options
  const profiling =
    profileDir === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${path.join(profileDir, `${workload}-${kind}`)}`]
  const { temporal, targetUrl } = stage
  const setup = { kind, workload, temporalAddress: temporal.address, targetUrl, bundlePath }
  const server = { server: temporal.pid }
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
