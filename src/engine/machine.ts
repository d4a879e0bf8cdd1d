/**
 * The engine: plan and events in, commands and rows out. Pure: no clock, no randomness, no Temporal. The
 * workflow shell, replays and the tests drive this same module.
 *
 * Owns: the state of one run. Does not own: how a call is made, retried or timed (Temporal), where rows go
 * (the mirror), what an expression means (`expression`).
 *
 * I1 to I4 see `state.ts`; E1 to E5 `edges.ts`; C1 to C3 `calls.ts`; D1 to D4 `refuse.ts`.
 * M1 `apply` never throws for what a flow, a target or a person did; a throw is a bug of ours.
 * M2 the machine starts in `createMachine`: a message may come before `started`.
 * M3 what is ready is started in definition order. M4 the run ends only when no call is open.
 * T1 see `timeOf`.
 * Q1 to Q3 see `requests.ts`.
 * M5 a continue-as-new is wished for only when no call is open, and only after something moved.
 */
import type { Decision, DecisionAnswer, StartInput } from "../contract/messages.ts"
import { assertNever, REFUSALS, type Refusal } from "../contract/errors.ts"
import type { Plan } from "../contract/plan.ts"
import type { Approval, Changes, View } from "../contract/rows.ts"
import { createMeter, type Meter } from "../expression/meter.ts"
import { answer } from "./calls.ts"
import type { Command, TimerPurpose } from "./commands.ts"
import { createState } from "./create-state.ts"
import { takeTimer } from "./deadline.ts"
import { cancel, decide, targetsOf } from "./decisions.ts"
import { takeWarning } from "./early-warning.ts"
import { recountEdges } from "./edges.ts"
import { escalate, hasClock } from "./escalation.ts"
import type { EngineEvent } from "./events.ts"
import { approvedBy, dropOutdated } from "./four-eyes.ts"
import type { Graph } from "./graph.ts"
import { decisionState, recordDecision } from "./record-decision.ts"
import { refuse } from "./refuse.ts"
import { resumeFailed } from "./resume.ts"
import { briefViewOf, takeChanges, viewOf } from "./rows.ts"
import { settle } from "./settle.ts"
import { restore, type Snapshot, takeSnapshot } from "./snapshot.ts"
import { isPivotPassed } from "./pivot.ts"
import { cutText } from "./size.ts"
import { type MachineState, type Rules, touchTransaction } from "./state.ts"
import { setTimer } from "./timer.ts"

export interface Machine {
  /** How many runs came before this one. */
  readonly chain: number
  /** Mutates the state by what happened, in order, then decides what follows. */
  apply(events: readonly EngineEvent[]): void
  takeCommands(): Command[]
  takeChanges(which: "dirty" | "all"): Changes
  /** Why a decision is illegal at that time; undefined when it may be applied. Known ids pass. */
  refuse(decision: unknown, at?: number): Refusal | undefined
  /** What a decision led to; undefined for an id that is not known (any longer). */
  answer(decisionId: string): DecisionAnswer | undefined
  /** All rows. Payloads beyond `payloadBytes` of JSON are left out and said to be. */
  view(payloadBytes: number): View
  /** For a closing failure, and for a person where the whole is too large to be sent: without payloads. */
  briefView(): View
  /** No call is open and the run has not ended: a continue-as-new may happen now. */
  quiet(): boolean
  snapshot(): Snapshot
}

export interface MachineStart {
  plan: Plan
  /** Of the plan as it travels: it shares one message with the snapshot. */
  planBytes: number
  graph: Graph
  /** When the workflow started, milliseconds since the epoch. */
  at: number
  /** The run was reset by an operator, or descends from one that was. */
  isReset?: boolean
  /** All of them, unless a simulation says otherwise. */
  rules?: Rules
  start: Pick<StartInput, "tenant" | "transaction" | "params" | "thresholds" | "resume"> & {
    /** None, unless said. */
    flags?: StartInput["flags"]
    snapshot?: Snapshot
  }
}

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
        state.now = timeOf(event)
        state.at = event.at
        state.historyEvents = event.history_events
        state.historyBytes = event.history_bytes
        take(state, event, meter)
      }
      settle(state, meter)
      dropOutdated(state)
    },
    takeCommands() {
      const { commands } = state
      state.commands = []
      return commands
    },
    takeChanges: (which) => takeChanges(state, which),
    refuse: (decision, at) => refuse(state, decision, at),
    answer: (decisionId) => state.answers.get(decisionId),
    view: (payloadBytes) => viewOf(state, payloadBytes),
    briefView: () => briefViewOf(state),
    quiet: () => state.open === 0 && state.mode !== "ended" && state.commands.length === 0,
    snapshot: () => takeSnapshot(state),
  }
}

/** A clock that is further ahead than this is wrong. */
const MAX_AHEAD_MS = 24 * 3_600_000

/**
 * T1 the machine's time is that of the event it took last, and of nothing else: of what happened, where the
 * event carries it, not of the workflow task that took it. The SDK may take an answer with a later task in a
 * replay than the first time, and then together with others, so neither a bound by the task's time nor a
 * maximum over events would come out the same. It may go back: clocks of workers differ. M6 yet no task ends
 * before it started.
 */
function timeOf(event: EngineEvent): number {
  if (event.kind === "done") return trusted(event.ended_at, event.at)
  if (event.kind === "failed") return trusted(event.failure.ended_at, event.at)
  return event.at
}

function trusted(endedAt: number | undefined, at: number): number {
  return endedAt === undefined || !(endedAt >= 0 && endedAt <= at + MAX_AHEAD_MS) ? at : endedAt
}

function take(state: MachineState, event: EngineEvent, meter: Meter): void {
  switch (event.kind) {
    case "started":
      setTimer(state)
      return
    case "done":
      answer(state, event.token, { done: event })
      return
    case "failed":
      answer(state, event.token, { failure: event.failure })
      return
    case "decision":
      decideOrIgnore(state, event.decision, meter)
      return
    case "cancel":
      takeCancel(state)
      return
    case "timer":
      takeTimer(state, event)
      takeEscalations(state, event.of, meter)
      return
    case "warning":
      if (!takeWarning(state, event.warning))
        ignore(state, "early_warning was refused: its call is not known.")
      return
    case "ignored":
      ignore(state, `${event.what} is no message that this transaction takes.`)
      return
    default:
      assertNever(event)
  }
}

/** Temporal's own cancel asks nobody whether it is legal. */
function takeCancel(state: MachineState): void {
  if (state.mode !== "forward") return
  if (isPivotPassed(state)) {
    ignore(state, `cancel was refused: ${REFUSALS.pivot_passed}`)
    return
  }
  state.version++
  state.progressed = true
  cancel(state, null)
}

/** A signal gets no answer, so whoever sent it finds it in Temporal's UI. */
function ignore(state: MachineState, why: string): void {
  state.ignored++
  state.lastIgnored = cutText(why, 300)
  state.detailsWanted = true
  touchTransaction(state)
}

/** Whichever time has come, the timer was for the soonest: the next one is looked for. */
function takeEscalations(state: MachineState, of: TimerPurpose, meter: Meter): void {
  escalate(state, (decision) => takeDecision(state, decision, meter))
  if (of === "escalation" || [...state.exceptions.values()].some(hasClock)) state.timerWanted = true
}

function decideOrIgnore(state: MachineState, decision: Decision, meter: Meter): void {
  const refusal = takeDecision(state, decision, meter)
  if (refusal !== undefined) ignore(state, `${decision.action} was refused: ${REFUSALS[refusal]}`)
}

/** @returns why it changed nothing. One that is known changes nothing either. */
function takeDecision(state: MachineState, decision: Decision, meter: Meter): Refusal | undefined {
  if (state.answers.has(decision.id)) return undefined
  const refusal = refuse(state, decision)
  if (refusal !== undefined) return refusal
  carryOut(state, { decision }, meter)
  dropOutdated(state)
  return undefined
}

interface CarriedOut {
  decision: Decision
  approvals?: Approval[]
}

function carryOut(state: MachineState, { decision, ...approved }: CarriedOut, meter: Meter): void {
  const targets = targetsOf(state, decision)
  const before = decisionState(state, targets, state.requests.get(decision.request ?? "")?.row)
  const awaited = approvedBy(state, decision)
  decide(state, decision)
  if (awaited) carryOut(state, awaited, meter)
  settle(state, meter)
  recordDecision(state, decision, { targets, before, ...approved })
}
