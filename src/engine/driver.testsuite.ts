/** Drives a machine by hand: answers are written out per task, so every interleaving is explicit. */
import type { OutputReference } from "../contract/activities.ts"
import type { Decision } from "../contract/messages.ts"
import type { Plan, PlanCall, PlanCompensate, PlanProbe, PlanTask } from "../contract/plan.ts"
import type { TaskRow, View } from "../contract/rows.ts"
import type { CallCommand, Command } from "./commands.ts"
import type { CallFailed, EventBody } from "./events.ts"
import { createGraph } from "./graph.ts"
import { createMachine, type Machine } from "./machine.ts"
import type { Snapshot } from "./snapshot.ts"
import type { Rules } from "./state.ts"

export type TaskSketch = Partial<Omit<PlanTask, "id" | "deps" | "reads" | "requires" | "compensate">> & {
  id: string
  /** `undo`: by a call with nothing in it. */
  compensate?: "undo" | "none" | Partial<PlanCompensate>
  deps?: string[]
  reads?: string[]
  requires?: string[]
}

export function planOf(sketches: TaskSketch[], more: Partial<Plan> = {}): Plan {
  const position = new Map(sketches.map(({ id }, at) => [id, at]))
  const positions = (ids: string[] = []) => ids.map((id) => position.get(id) ?? Number.NaN)
  const tasks = sketches.map(({ deps, reads, requires, compensate, ...sketch }) => ({
    ...CALL,
    on_error: "park" as const,
    ...sketch,
    deps: positions(deps),
    reads: positions(reads),
    requires: positions(requires),
    ...(compensate === undefined ? {} : { compensate: toCompensate(compensate) }),
  }))
  return { format: 1, flow: "test", max_parallel: 50, output: null, output_reads: [], ...more, tasks }
}

const CALL: Omit<PlanCall, "reads"> = {
  kind: "http",
  type: "http",
  config: { url: "http://127.0.0.1/" },
  input: null,
  sends_input: false,
  effect: "keyed",
  retry: {
    strategy: "auto",
    max_attempts: 3,
    interval_ms: 100,
    backoff: 2,
    max_interval_ms: 1000,
    non_retryable: [],
  },
  timeout: { attempt_ms: 1000 },
}

/** By a call with nothing in it. */
export const PROBE: PlanProbe = { ...CALL, reads: [], reads_own: [], effect: "read", executed_when: true }

function toCompensate(sketch: NonNullable<TaskSketch["compensate"]>): NonNullable<PlanTask["compensate"]> {
  if (sketch === "none") return "none"
  return { ...CALL, reads: [], reads_own: [], ...(sketch === "undo" ? {} : sketch) }
}

/** Of a flow that goes backward. */
export const backward = { on_cancel: "compensate", concurrency: 4, drain_ms: 60_000 } as const

export const failures = {
  refused: { cause: "reported", class: "refused", outcome: "rejected", code: "HTTP_422", message: "no" },
  unknown: { cause: "reported", class: "unknown", outcome: "unknown", code: "HTTP_500", message: "?" },
  notExecuted: {
    cause: "reported",
    class: "not_executed",
    outcome: "not_executed",
    code: "ECONNREFUSED",
    message: "down",
  },
  misconfigured: {
    cause: "reported",
    class: "misconfigured",
    outcome: "not_executed",
    code: "HTTP_404",
    message: "gone",
  },
} satisfies Record<string, CallFailed>

export interface Driver {
  readonly machine: Machine
  /** Every command given so far. */
  readonly commands: Command[]
  /** The clock at the next event, milliseconds. */
  at(time: number): void
  apply(...events: EventBody[]): Command[]
  done(task: string, output?: unknown): Command[]
  /** Ends a task with an output that is kept by reference. */
  keep(task: string, reference: OutputReference): Command[]
  fail(task: string, failure: CallFailed): Command[]
  decide(decision: Partial<Decision> & Pick<Decision, "action">): Command[]
  /** The open call of a task. */
  callOf(task: string): CallCommand
  openTasks(): string[]
  row(task: string): TaskRow
  view(): View
  statuses(): Record<string, string>
  /** Takes a snapshot and goes on with a machine made from it. */
  restart(more?: Partial<DriverOptions>): Driver
}

export interface DriverOptions {
  params: unknown
  quiet: number
  hold: number
  planBytes: number
  snapshot: Snapshot
  resume: Decision
  history: number
  isReset: boolean
  rules: Rules
  flags: number[]
}

export function drive(plan: Plan, options: Partial<DriverOptions> = {}): Driver {
  const machine = createMachine({
    plan,
    planBytes: options.planBytes ?? 0,
    graph: createGraph(plan),
    at: 1_000,
    isReset: options.isReset ?? false,
    ...(options.rules ? { rules: options.rules } : {}),
    start: {
      tenant: "default",
      transaction: "t1",
      params: options.params ?? {},
      thresholds: {
        quiet_events: options.quiet ?? Number.MAX_SAFE_INTEGER,
        quiet_bytes: Number.MAX_SAFE_INTEGER,
        hold_events: options.hold ?? Number.MAX_SAFE_INTEGER,
      },
      ...(options.flags ? { flags: options.flags } : {}),
      ...(options.snapshot ? { snapshot: structuredClone(options.snapshot) } : {}),
      ...(options.resume ? { resume: options.resume } : {}),
    },
  })
  let at = 1_000
  let history = options.history ?? 3
  let decisions = 0
  const commands: Command[] = []
  const open = new Map<string, CallCommand>()

  const apply = (...events: EventBody[]): Command[] => {
    at += 10
    history += 3 * events.length
    machine.apply(
      events.map((event) => ({ ...event, at, history_events: history, history_bytes: history * 100 })),
    )
    const given = machine.takeCommands()
    for (const command of given) if (command.kind === "call") open.set(command.activity_id, command)
    commands.push(...given)
    return given
  }
  const callOf = (task: string): CallCommand => {
    const call = open.get(task)
    if (!call)
      throw new Error(`task ${task} has no open call; open are ${[...open.keys()].join(", ") || "none"}`)
    return call
  }
  const close = (task: string): number => {
    const { token } = callOf(task)
    open.delete(task)
    return token
  }
  const row = (task: string): TaskRow => {
    const found = machine.view(1e9).tasks.find(({ path }) => path === task)
    if (!found) throw new Error(`no task ${task}`)
    return found
  }

  return {
    machine,
    commands,
    at: (time) => {
      at = time
    },
    apply,
    callOf,
    row,
    done: (task, output = null) => apply({ kind: "done", token: close(task), output }),
    keep: (task, reference) =>
      apply({ kind: "done", token: close(task), output: null, by_reference: reference }),
    fail: (task, failure) => apply({ kind: "failed", token: close(task), failure }),
    decide: (decision) =>
      apply({
        kind: "decision",
        decision: { id: `d${++decisions}`, actor: "ann", reason: "test", ...decision },
      }),
    openTasks: () => [...open.keys()],
    view: () => machine.view(1e9),
    statuses: () => Object.fromEntries(machine.view(0).tasks.map(({ path, status }) => [path, status])),
    restart: (more = {}) => drive(plan, { ...options, ...more, snapshot: machine.snapshot() }),
  }
}
