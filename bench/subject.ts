/**
 * What is measured, in a process of its own:
 *
 * - `by_hand`  the workflow written by hand, on the SDK's worker with Holdfast's options and its HTTP activity;
 *              its callers live in the worker's process, as eager starts need it: the fastest form there is
 * - `by_hand_apart`  the same with its callers in a process of their own, as Temporal's guides lay it out
 * - `engine`   Holdfast's workflow on Holdfast's worker, callers in its process; no API, no mirror
 * - `api`      the product: API, worker, mirror and sweeper in one process; its callers, in a process of their own,
 *              start through the API
 *
 * All callers wait for Temporal's answer that the workflow has closed.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { WorkloadName } from "./workloads.ts"

export const SUBJECT_KINDS = ["by_hand", "by_hand_apart", "engine", "api"] as const
export type SubjectKind = (typeof SUBJECT_KINDS)[number]

export interface SubjectSetup {
  kind: SubjectKind
  workload: WorkloadName
  temporalAddress: string
  targetUrl: string
  /** Of `api`. */
  apiUrl?: string
  /** Of `by_hand`: the bundle of its workflow. */
  bundlePath: string
}

/** Processes whose use of CPU is told apart. */
export const PARTS = ["worker", "server", "postgres", "client"] as const
export type Part = (typeof PARTS)[number]

export interface CellSetup {
  concurrency: number
  warmUpMs: number
  windowMs: number
  pids: Partial<Record<Part, number>>
}

export interface CellResult {
  perSecond: number
  p50Ms: number
  p99Ms: number
  ended: number
  /** Seconds for 1,000 transactions. */
  cpu: Partial<Record<Part, number>>
}

export interface HistoryFacts {
  /** Per type, `WorkflowTask*` apart: activations batch by timing. */
  events: Record<string, number>
  /** Of these events, without the first: it holds the plan. */
  bytes: number
}

export interface SubjectRequests {
  open: { takes: SubjectSetup; answers: null }
  run: { takes: CellSetup; answers: CellResult }
  /** Of one more transaction. */
  history: { takes: null; answers: HistoryFacts }
}

type Kind = keyof SubjectRequests
export type SubjectMessage = { [K in Kind]: { kind: K; body: SubjectRequests[K]["takes"] } }[Kind]
export type SubjectAnswer = { body: unknown } | { error: string }

export interface Subject {
  pid: number
  ask: <K extends Kind>(kind: K, body: SubjectRequests[K]["takes"]) => Promise<SubjectRequests[K]["answers"]>
  stop: () => Promise<void>
}

const PROGRAM = fileURLToPath(new URL("run.mjs", import.meta.url))

/** @param execArgv options of Node, such as `--cpu-prof`. */
export async function startSubject(setup: SubjectSetup, execArgv: string[] = []): Promise<Subject> {
  const child = fork(PROGRAM, ["subject"], { execArgv })
  const { pid } = child
  if (pid === undefined) throw new Error("the subject's process did not start")
  const ask: Subject["ask"] = async (kind, body) => {
    child.send({ kind, body })
    // The program answers each message with what `SubjectRequests` says of its kind.
    return (await takeAnswer(child)) as never
  }
  await ask("open", setup)
  return {
    pid,
    ask,
    async stop() {
      const gone = once(child, "exit")
      child.disconnect()
      await gone
    },
  }
}

async function takeAnswer(child: ChildProcess): Promise<unknown> {
  const [answer] = await Promise.race([
    once(child, "message") as Promise<[SubjectAnswer]>,
    once(child, "exit").then(([code]): [SubjectAnswer] => [
      { error: `its process ended with ${String(code)}` },
    ]),
  ])
  if ("error" in answer) throw new Error(`a subject failed: ${answer.error}`)
  return answer.body
}
