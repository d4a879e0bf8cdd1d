/**
 * The machine's memory: one slot per task in arrays, counters instead of scans. Every change of a task's
 * status goes through `setStatus`, so that the counters and the dirty list are always right.
 *
 * I1 `counts` equals the number of tasks per status. I2 `open` equals the number of tokens given out and not
 * yet answered. I3 a task is `running` exactly while it has a token. I4 a task is in the ready queue only
 * while it is `pending` and all its edges are resolved. I5 `passed` equals the number of irreversible tasks whose
 * effect may be there.
 */
import type { Plan } from "../contract/plan.ts"
import type { DecisionRow, ExceptionRow, RowError, TransactionRow } from "../contract/rows.ts"
import type { DecisionAnswer, Thresholds } from "../contract/messages.ts"
import {
  COMPENSATION_STATUSES,
  type CompensationStatus,
  OUTCOMES,
  type Outcome,
  TASK_STATUSES,
  type TaskStatus,
  type TransactionStatus,
} from "../contract/statuses.ts"
import type { Command } from "./commands.ts"
import type { Graph } from "./graph.ts"
import type { ReadyQueue } from "./ready-queue.ts"
import type { HeldRequest, RequestEnd } from "./requests.ts"

export type Mode = "forward" | "stopping" | "compensating" | "ended"

/** Why nothing new starts any more, and how the run ends once its calls have. */
export interface Stop {
  ending: "cancelled" | "failed" | "compensated" | "closed"
  /** Of the tasks that it ends. */
  reason: string
  error: TransactionRow["error"]
}

export interface TaskSlots {
  status: Uint8Array
  outcome: Uint8Array
  /** The outcome before the open call. */
  prior: Uint8Array
  generation: Int32Array
  /** Edges not yet resolved. */
  unresolved: Int32Array
  /** Edges that resolved live. */
  live: Int32Array
  /** 1 when an edge resolved as failed. */
  failed: Uint8Array
  /** The token of the open call; 0 when none is open. */
  token: Int32Array
  /** Readers of the output that have not ended. */
  readersLeft: Int32Array
  input: unknown[]
  /** A person's input in place of the plan's; undefined without one. Bytes of it count as live. */
  givenInput: unknown[]
  output: unknown[]
  /** Bytes of JSON that count as live; 0 when there is no live output. */
  outputBytes: Int32Array
  outputDropped: Uint8Array
  error: (RowError | null)[]
  reason: (string | null)[]
  /** 1 while its target is to be asked, or is being asked, what became of its call. */
  asking: Uint8Array
  /** 1 when the key of this generation was fenced off: nothing can be sent under it any more. */
  spent: Uint8Array
  /** 1 when a question that fences was sent and not answered: the key of this generation may be fenced off. */
  unanswered: Uint8Array
  /** 1 from a person's word that it did not happen until it is sent again. Not kept over a continue-as-new. */
  denied: Uint8Array
  startedAt: Float64Array
  /** When this generation was sent first; 0 before. */
  sentAt: Float64Array
  endedAt: Float64Array
  undo: UndoSlots
}

/** How each task is undone; nothing of it is used before the transaction goes backward. */
export interface UndoSlots {
  status: Uint8Array
  outcome: Uint8Array
  /** The outcome before the open call. */
  prior: Uint8Array
  /** What was known of the task when its compensation was sent first: what is sent again says the same. */
  sentAs: Uint8Array
  /** The token of the open call; 0 when none is open. */
  token: Int32Array
  /** Tasks right behind it that are not finished backward. */
  behind: Int32Array
  /** 1 when it is finished backward. */
  closed: Uint8Array
  error: (RowError | null)[]
  startedAt: Float64Array
  endedAt: Float64Array
}

/** The rules of design 4.4 that a simulation may switch off, to show what each is good for. */
export interface Rules {
  /** What is open counts as unknown. */
  openIsUnknown: boolean
  /** What is unknown is undone as well. */
  undoUnknown: boolean
}

export interface MachineState {
  readonly plan: Plan
  readonly graph: Graph
  readonly tenant: string
  readonly transaction: string
  readonly params: unknown
  readonly thresholds: Thresholds
  /** Of the plan as it travels. */
  readonly planBytes: number
  readonly isReset: boolean
  /** Its calls may answer with a reference (flag `outputs_by_reference`). */
  readonly takesReferences: boolean
  /** Its exceptions may escalate, and its calls warn (flag `escalation`). */
  readonly escalates: boolean
  readonly chain: number
  readonly startedAt: number
  readonly tasks: TaskSlots
  readonly counts: Record<TaskStatus, number>
  readonly ready: ReadyQueue
  readonly taskOfToken: Map<number, number>
  /** Open and past exceptions by task position; -1 for the transaction itself. */
  readonly exceptions: Map<number, ExceptionRow>
  /** Answers of decisions by id, oldest first. */
  readonly answers: Map<string, DecisionAnswer>
  readonly decisions: DecisionRow[]
  /** Decisions that wait for a second person, by the id of their proposal, oldest first (`requests.ts`). */
  readonly requests: Map<string, HeldRequest>
  /** How the latest of them ended that wait no longer. */
  readonly endedRequests: Map<string, RequestEnd>
  /** A timer ends those that nobody approves (flag `approvals_expire`). */
  readonly timesRequests: boolean
  /** A refusal that may come from its own fence is asked about (flag `ask_after_refusal`). */
  readonly asksAfterRefusal: boolean
  /** What may have run is not taken for something that did not (flag `proven_repeats`). */
  readonly provesRepeats: boolean
  commands: Command[]
  mode: Mode
  stop: Stop | undefined
  paused: boolean
  overdue: boolean
  deadlineAt: number | null
  /** Until then a running attempt is waited for before its task is undone; null once nobody waits any more. */
  drainUntil: number | null
  /** Tasks to be undone as soon as there is room. */
  readonly undoReady: ReadyQueue
  /** Undo calls that are open. */
  undoing: number
  /** Tasks not finished backward. */
  unfinished: number
  /** Irreversible tasks whose effect may be there. */
  passed: number
  /** The last of them turned out not to have happened: what it held up is looked at again. */
  pivotLifted: boolean
  readonly rules: Rules
  /** Failed tasks that fail the transaction: all but those whose flow says `continue`. */
  fatal: number
  status: TransactionStatus
  version: number
  overridden: boolean
  ignored: number
  /** Why the last message was ignored. Not kept over a continue-as-new. */
  lastIgnored: string | null
  open: number
  nextToken: number
  liveBytes: number
  /** Bytes that live outputs may take; worked out when first asked (`room.ts`). */
  liveRoom: number | undefined
  output: unknown
  error: TransactionRow["error"]
  endedAt: number | null
  now: number
  /** The workflow's clock when the event that it took last was taken. */
  at: number
  historyEvents: number
  historyBytes: number
  /** Something moved in this run: without it a continue-as-new could follow a continue-as-new. */
  progressed: boolean
  /** Some exception has another time to wait for: the timer is set anew. */
  timerWanted: boolean
  /** A person who reads the run in Temporal should see how it stands now. */
  detailsWanted: boolean
  dirty: Dirty
}

export interface Dirty {
  transaction: boolean
  /** 1 for tasks that are in `list`. */
  marks: Uint8Array
  list: number[]
  exceptions: Set<number>
  /** How many of `decisions` were already given out. */
  decisionsGiven: number
}

const STATUS_CODES = codes(TASK_STATUSES)
const OUTCOME_CODES = codes(OUTCOMES)
const COMPENSATION_CODES = codes(COMPENSATION_STATUSES)

export function createTaskSlots(size: number): TaskSlots {
  return {
    status: new Uint8Array(size),
    outcome: new Uint8Array(size),
    prior: new Uint8Array(size),
    generation: new Int32Array(size).fill(1),
    unresolved: new Int32Array(size),
    live: new Int32Array(size),
    failed: new Uint8Array(size),
    token: new Int32Array(size),
    readersLeft: new Int32Array(size),
    input: Array.from({ length: size }, () => null),
    givenInput: Array.from({ length: size }, () => undefined),
    output: Array.from({ length: size }, () => undefined),
    outputBytes: new Int32Array(size),
    outputDropped: new Uint8Array(size),
    error: Array.from({ length: size }, () => null),
    reason: Array.from({ length: size }, () => null),
    asking: new Uint8Array(size),
    spent: new Uint8Array(size),
    unanswered: new Uint8Array(size),
    denied: new Uint8Array(size),
    startedAt: new Float64Array(size),
    sentAt: new Float64Array(size),
    endedAt: new Float64Array(size),
    undo: {
      status: new Uint8Array(size),
      outcome: new Uint8Array(size),
      prior: new Uint8Array(size),
      sentAs: new Uint8Array(size),
      token: new Int32Array(size),
      behind: new Int32Array(size),
      closed: new Uint8Array(size),
      error: Array.from({ length: size }, () => null),
      startedAt: new Float64Array(size),
      endedAt: new Float64Array(size),
    },
  }
}

export function statusOf(state: MachineState, task: number): TaskStatus {
  return TASK_STATUSES[state.tasks.status[task] ?? 0] ?? "pending"
}

export function setStatus(state: MachineState, task: number, status: TaskStatus): void {
  state.counts[statusOf(state, task)]--
  state.counts[status]++
  state.tasks.status[task] = STATUS_CODES[status]
  touch(state, task)
}

export function outcomeOf(state: MachineState, task: number): Outcome {
  return OUTCOMES[state.tasks.outcome[task] ?? 0] ?? "not_started"
}

export function setOutcome(state: MachineState, task: number, outcome: Outcome): void {
  if (planTask(state, task).irreversible === true) {
    const before = state.passed
    state.passed += Number(mayHaveHappened(outcome)) - Number(mayHaveHappened(outcomeOf(state, task)))
    if ((before === 0) !== (state.passed === 0)) touchTransaction(state)
    if (before > 0 && state.passed === 0) state.pivotLifted = true
  }
  state.tasks.outcome[task] = OUTCOME_CODES[outcome]
  touch(state, task)
}

export function mayHaveHappened(outcome: Outcome): boolean {
  return outcome === "unknown" || outcome === "executed"
}

export function compensationOf(state: MachineState, task: number): CompensationStatus {
  return COMPENSATION_STATUSES[state.tasks.undo.status[task] ?? 0] ?? "none"
}

export function setCompensation(state: MachineState, task: number, status: CompensationStatus): void {
  state.tasks.undo.status[task] = COMPENSATION_CODES[status]
  touch(state, task)
}

export function undoOutcomeOf(state: MachineState, task: number): Outcome {
  return OUTCOMES[state.tasks.undo.outcome[task] ?? 0] ?? "not_started"
}

/** What was known of it before the open call was dispatched. */
export function undoPriorOf(state: MachineState, task: number): Outcome {
  return OUTCOMES[state.tasks.undo.prior[task] ?? 0] ?? "not_started"
}

/** What the compensation says of its task. */
export function undoSentAs(state: MachineState, task: number): Outcome {
  return OUTCOMES[state.tasks.undo.sentAs[task] ?? 0] ?? "not_started"
}

export function setUndoOutcome(state: MachineState, task: number, outcome: Outcome): void {
  state.tasks.undo.outcome[task] = OUTCOME_CODES[outcome]
  touch(state, task)
}

/** What was known before the open call was dispatched. */
export function priorOf(state: MachineState, task: number): Outcome {
  return OUTCOMES[state.tasks.prior[task] ?? 0] ?? "not_started"
}

/** M6 no task ends before it started, whatever clocks say. */
export function stampEnd(state: MachineState, task: number): void {
  state.tasks.endedAt[task] = Math.max(state.now, state.tasks.startedAt[task] ?? 0)
}

/** The plan's task at a position that is known to exist. */
export function planTask(state: MachineState, task: number): Plan["tasks"][number] {
  const found = state.plan.tasks[task]
  if (!found) throw new Error(`the plan has no task ${task}`)
  return found
}

export function touch(state: MachineState, task: number): void {
  const { dirty } = state
  if (dirty.marks[task] === 1) return
  dirty.marks[task] = 1
  dirty.list.push(task)
}

export function touchTransaction(state: MachineState): void {
  state.dirty.transaction = true
}

export function setTransactionStatus(state: MachineState, status: TransactionStatus): void {
  if (state.status === status) return
  state.status = status
  touchTransaction(state)
}

function codes<Word extends string>(words: readonly Word[]): Record<Word, number> {
  // Every word of the list becomes a key, so the record is complete.
  return Object.fromEntries(words.map((word, code) => [word, code])) as Record<Word, number>
}
