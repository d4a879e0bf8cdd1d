/**
 * The engine: plan and events in, commands and rows out. Pure: no clock, no randomness, no Temporal. The
 * workflow shell, replays and the tests drive this same module.
 *
 * Owns: the state of one run. Does not own: how a call is made, retried or timed (Temporal), where rows go
 * (the mirror), what an expression means (`expression`).
 *
 * I1 to I4 see `state.ts`; E1 to E5 `edges.ts`; C1 to C3 `calls.ts`; D1 to D4 `decisions.ts`.
 * M1 `apply` never throws for what a flow, a target or a person did; a throw is a bug of ours.
 * M2 the machine starts in `createMachine`: a message may come before `started`.
 * M3 what is ready is started in definition order. M4 the run ends only when no call is open.
 * T1 see `timeOf`.
 * M5 a continue-as-new is wished for only when no call is open, and only after something moved.
 */
import type { Decision, DecisionAnswer, StartInput } from "../contract/messages.ts"
import type { Refusal } from "../contract/errors.ts"
import { assertNever } from "../contract/errors.ts"
import type { Plan } from "../contract/plan.ts"
import type { Changes, View } from "../contract/rows.ts"
import type { TaskStatus } from "../contract/statuses.ts"
import { createMeter, type Meter } from "../expression/meter.ts"
import { answer, dispatch } from "./calls.ts"
import type { Command } from "./commands.ts"
import { cancelAll, decide, decisionState, refuse, targetsOf } from "./decisions.ts"
import { detailsOf } from "./details.ts"
import { recountEdges, UPSTREAM_FAILED } from "./edges.ts"
import type { EngineEvent } from "./events.ts"
import { closeException, openTransactionException, TRANSACTION } from "./exceptions.ts"
import type { Graph } from "./graph.ts"
import { createReadyQueue } from "./ready-queue.ts"
import { closingViewOf, takeChanges, viewOf } from "./rows.ts"
import { renderFlowOutput } from "./scope.ts"
import { jsonSize } from "./size.ts"
import { restore, type Snapshot, takeSnapshot } from "./snapshot.ts"
import {
  createTaskSlots,
  type MachineState,
  setStatus,
  setTransactionStatus,
  statusOf,
  touchTransaction,
} from "./state.ts"

export interface Machine {
  /** How many runs came before this one. */
  readonly chain: number
  /** Mutates the state by what happened, in order, then decides what follows. */
  apply(events: readonly EngineEvent[]): void
  takeCommands(): Command[]
  takeChanges(which: "dirty" | "all"): Changes
  /** Why a decision is illegal now; undefined when it may be applied. Known ids pass. */
  refuse(decision: unknown): Refusal | undefined
  /** What a decision led to; undefined for an id that is not known (any longer). */
  answer(decisionId: string): DecisionAnswer | undefined
  /** All rows. Payloads beyond `payloadBytes` of JSON are left out and said to be. */
  view(payloadBytes: number): View
  /** The end for a closing failure: bounded, without payloads. */
  closingView(): View
  /** No call is open and the run has not ended: a continue-as-new may happen now. */
  quiet(): boolean
  snapshot(): Snapshot
}

export interface MachineStart {
  plan: Plan
  graph: Graph
  /** When the workflow started, milliseconds since the epoch. */
  at: number
  /** The run was reset by an operator, or descends from one that was. */
  isReset?: boolean
  start: Pick<StartInput, "tenant" | "transaction" | "params" | "thresholds" | "resume"> & {
    snapshot?: Snapshot
  }
}

/** Workflow results have the limit of any payload. */
const MAX_FLOW_OUTPUT_BYTES = 1024 * 1024

export function createMachine(options: MachineStart): Machine {
  const state = createState(options)
  const { snapshot, resume } = options.start
  if (snapshot) restore(state, snapshot)
  else recountEdges(state)
  if (resume) resumeFailed(state, resume)

  return {
    chain: state.chain,
    apply(events) {
      const meter = createMeter()
      for (const event of events) {
        state.now = Math.max(state.now, timeOf(event))
        state.historyEvents = event.history_events
        state.historyBytes = event.history_bytes
        take(state, event, meter)
      }
      settle(state, meter)
    },
    takeCommands() {
      const { commands } = state
      state.commands = []
      return commands
    },
    takeChanges: (which) => takeChanges(state, which),
    refuse: (decision) => refuse(state, decision),
    answer: (decisionId) => state.answers.get(decisionId),
    view: (payloadBytes) => viewOf(state, payloadBytes),
    closingView: () => closingViewOf(state),
    quiet: () => state.open === 0 && state.mode !== "ended" && state.commands.length === 0,
    snapshot: () => takeSnapshot(state),
  }
}

/**
 * T1 the machine's time never goes back, and is the time of what happened, not of the workflow task that
 * took it, wherever the event carries it: the SDK may take an answer with a later task in a replay than the
 * first time. A worker's clock that runs ahead is held to the workflow's.
 */
function timeOf(event: EngineEvent): number {
  if (event.kind === "done") return Math.min(event.ended_at ?? event.at, event.at)
  if (event.kind === "failed") return Math.min(event.failure.ended_at ?? event.at, event.at)
  return event.at
}

function take(state: MachineState, event: EngineEvent, meter: Meter): void {
  switch (event.kind) {
    case "started":
      return
    case "done":
      answer(state, event.token, { output: event.output })
      return
    case "failed":
      answer(state, event.token, { failure: event.failure })
      return
    case "decision":
      takeDecision(state, event.decision, meter)
      return
    case "cancel":
      if (state.mode === "forward") {
        state.version++
        state.progressed = true
        cancelAll(state, null)
      }
      return
    case "ignored":
      state.ignored++
      touchTransaction(state)
      return
    default:
      assertNever(event)
  }
}

function takeDecision(state: MachineState, decision: Decision, meter: Meter): void {
  if (state.answers.has(decision.id)) return
  if (refuse(state, decision) !== undefined) {
    state.ignored++
    touchTransaction(state)
    return
  }
  const targets = targetsOf(state, decision)
  const before = decisionState(state, targets)
  decide(state, decision)
  settle(state, meter)
  record(state, decision, { targets, before })
}

function record(
  state: MachineState,
  decision: Decision,
  { targets, before }: { targets: number[]; before: ReturnType<typeof decisionState> },
): void {
  const after = decisionState(state, targets)
  state.decisions.push({
    decision_id: decision.id,
    action: decision.action,
    task: decision.task ?? null,
    actor: decision.actor,
    reason: decision.reason ?? null,
    attest: decision.attest ?? null,
    executed_externally: decision.executed_externally ?? null,
    evidence: decision.evidence ?? null,
    before,
    after,
    at: state.now,
  })
  state.answers.set(decision.id, {
    decision_id: decision.id,
    version: after.version,
    status: after.status,
    tasks: after.tasks.map(({ path, status }) => ({ path, status })),
  })
}

/** Decides what follows from the state as it is; harmless when nothing changed. */
function settle(state: MachineState, meter: Meter): void {
  if (state.mode === "ended") return
  if (state.mode === "forward") settleForward(state, meter)
  else if (state.open === 0) finish(state, "cancelled", null)
  if (state.detailsWanted) {
    state.detailsWanted = false
    state.commands.push({ kind: "details", text: detailsOf(state) })
  }
}

function settleForward(state: MachineState, meter: Meter): void {
  const { thresholds, historyEvents, historyBytes } = state
  const isLong = historyEvents >= thresholds.quiet_events || historyBytes >= thresholds.quiet_bytes
  const isOver = state.open === 0 && state.ready.size === 0 && state.counts.parked === 0
  if (isLong && state.open === 0 && state.progressed && !isOver) {
    if (!state.commands.some((command) => command.kind === "continue_as_new"))
      state.commands.push({ kind: "continue_as_new" })
    if (state.ready.size === 0) setTransactionStatus(state, "blocked")
    return
  }
  if (historyEvents < thresholds.hold_events || state.open === 0) startReady(state, meter)
  if (state.open > 0 || state.ready.size > 0) {
    setTransactionStatus(state, "running")
    return
  }
  if (state.counts.parked > 0) {
    setTransactionStatus(state, "blocked")
    return
  }
  if (state.counts.pending > 0)
    throw new Error(`nothing is ready, open or parked, but ${state.counts.pending} tasks are pending`)
  if (state.counts.failed > 0) finish(state, "failed", null)
  else finishWithOutput(state, meter)
}

function startReady(state: MachineState, meter: Meter): void {
  while (state.ready.size > 0 && state.counts.running < state.plan.max_parallel)
    dispatch(state, state.ready.pop(), meter)
}

function finishWithOutput(state: MachineState, meter: Meter): void {
  const rendered = renderFlowOutput(state, meter)
  if (rendered.ok && jsonSize(rendered.value, MAX_FLOW_OUTPUT_BYTES) <= MAX_FLOW_OUTPUT_BYTES) {
    finish(state, "success", rendered.value)
    return
  }
  const [code, message] = rendered.ok
    ? ["output_too_large", `The flow's output is larger than ${MAX_FLOW_OUTPUT_BYTES} bytes.`]
    : ["expression_error", `output: ${rendered.error.code}: ${rendered.error.message}`]
  openTransactionException(state, "flow_error", code, message)
  finish(state, "success", null)
}

function finish(state: MachineState, status: "success" | "failed" | "cancelled", output: unknown): void {
  state.mode = "ended"
  state.output = output
  state.endedAt = state.now
  state.error = status === "failed" ? firstError(state) : null
  setTransactionStatus(state, status)
  touchTransaction(state)
  state.detailsWanted = true
  state.commands.push({ kind: "finish", status, output })
}

function firstError(state: MachineState): MachineState["error"] {
  const task = state.plan.tasks.findIndex((_, position) => statusOf(state, position) === "failed")
  const error = state.tasks.error[task]
  return error ? { ...error, task: state.plan.tasks[task]?.id ?? null } : null
}

/** A failed run goes on: failed tasks are tried again, what they pruned waits again, the rest stays done. */
function resumeFailed(state: MachineState, decision: Decision): void {
  const failed: number[] = []
  for (let task = 0; task < state.plan.tasks.length; task++)
    if (statusOf(state, task) === "failed") failed.push(task)
  const before = decisionState(state, failed)
  for (let task = 0; task < state.plan.tasks.length; task++) {
    const pruned = statusOf(state, task) === "pruned" && state.tasks.reason[task] === UPSTREAM_FAILED
    if (!pruned && statusOf(state, task) !== "failed") continue
    setStatus(state, task, "pending")
    state.tasks.reason[task] = null
    state.tasks.endedAt[task] = 0
    closeException(state, task, { state: "resolved", by: decision.id })
  }
  closeException(state, TRANSACTION, { state: "resolved", by: decision.id })
  state.status = "running"
  state.version++
  touchTransaction(state)
  recountEdges(state)
  record(state, decision, { targets: failed, before })
}

function createState({ plan, graph, at, isReset = false, start }: MachineStart): MachineState {
  const size = plan.tasks.length
  const tasks = createTaskSlots(size)
  tasks.readersLeft.set(graph.readers)
  const counts: Record<TaskStatus, number> = {
    pending: size,
    running: 0,
    waiting: 0,
    parked: 0,
    success: 0,
    failed: 0,
    skipped: 0,
    pruned: 0,
    cancelled: 0,
  }
  return {
    plan,
    graph,
    tenant: start.tenant,
    transaction: start.transaction,
    params: start.params,
    thresholds: start.thresholds,
    isReset,
    chain: start.snapshot ? start.snapshot.chain + 1 : 0,
    startedAt: start.snapshot?.transaction.started_at ?? at,
    tasks,
    counts,
    ready: createReadyQueue(),
    taskOfToken: new Map(),
    exceptions: new Map(),
    openExceptions: 0,
    answers: new Map(),
    decisions: [],
    commands: [],
    mode: "forward",
    status: "pending",
    version: 0,
    overridden: false,
    ignored: 0,
    open: 0,
    nextToken: 1,
    liveBytes: 0,
    output: null,
    error: null,
    endedAt: null,
    now: at,
    historyEvents: 0,
    historyBytes: 0,
    progressed: false,
    detailsWanted: false,
    dirty: {
      transaction: true,
      marks: new Uint8Array(size),
      list: [],
      exceptions: new Set(),
      decisionsGiven: 0,
    },
  }
}
