/**
 * The machine's memory as JSON: for a continue-as-new, and to resume a failed run. `room.ts` says how large it
 * may be. Outputs are kept while somebody may read them, decisions are the newest ones, inputs are not kept: a
 * retry renders them anew and the mirror keeps what it has.
 */
import type { OutputReference } from "../contract/activities.ts"
import type { DecisionAnswer } from "../contract/messages.ts"
import type { DecisionRow, ExceptionRow, RowError } from "../contract/rows.ts"
import { TASK_STATUSES } from "../contract/statuses.ts"
import { Reference } from "../expression/values.ts"
import { recountBackward } from "./backward.ts"
import { CONTINUED, recountEdges } from "./edges.ts"
import { keepsInput } from "./graph.ts"
import { type HeldRequest, keepRequest, type RequestEnd } from "./requests.ts"
import { newestOf } from "./room.ts"
import { jsonSize } from "./size.ts"
import {
  type MachineState,
  mayHaveHappened,
  outcomeOf,
  planTask,
  statusOf,
  type Stop,
  type TaskSlots,
} from "./state.ts"

export const SNAPSHOT_FORMAT = 1

export interface Snapshot {
  format: typeof SNAPSHOT_FORMAT
  chain: number
  status: number[]
  outcome: number[]
  generation: number[]
  started_at: number[]
  /** Where it differs from `started_at`, sparse: a person chose another input since. */
  sent_at?: [number, number][]
  ended_at: number[]
  /** Sparse, by task position. */
  outputs: [number, unknown][]
  /** Those outputs that are kept by reference, sparse; absent without one. */
  references?: [number, OutputReference][]
  /** What persons gave in place of inputs, sparse. */
  given_inputs: [number, unknown][]
  /** Tasks that had an output which is kept no longer. */
  dropped: number[]
  errors: [number, RowError][]
  reasons: [number, string][]
  /** Tasks whose target is to be asked; absent without one. */
  asking?: number[]
  /** Tasks whose key is used up; absent without one. */
  spent?: number[]
  /** Tasks whose key may be used up; absent without one. */
  unanswered?: number[]
  exceptions: [number, ExceptionRow][]
  answers: [string, DecisionAnswer][]
  decisions: DecisionRow[]
  /** Decisions that wait for a second person; absent without one. */
  requests?: HeldRequest[]
  /** How the latest of them ended; absent without one. */
  ended_requests?: [string, RequestEnd][]
  /** Of a run that goes backward; absent before. */
  backward?: BackwardSnapshot
  transaction: {
    started_at: number
    version: number
    overridden: boolean
    ignored: number
    paused: boolean
    overdue: boolean
    deadline_at: number | null
    status: MachineState["status"]
  }
}

export interface BackwardSnapshot {
  stop: Stop
  status: number[]
  outcome: number[]
  sent_as: number[]
  started_at: number[]
  ended_at: number[]
  errors: [number, RowError][]
}

export function takeSnapshot(state: MachineState): Snapshot {
  const { tasks } = state
  const positions = state.plan.tasks.map((_, task) => task)
  const isKept = (task: number) => tasks.output[task] !== undefined && (tasks.readersLeft[task] ?? 0) > 0
  const kept = positions.filter(isKept)
  const references = kept.flatMap((task): [number, OutputReference][] => {
    const output = tasks.output[task]
    return output instanceof Reference ? [[task, output.output]] : []
  })
  return {
    format: SNAPSHOT_FORMAT,
    chain: state.chain,
    status: [...tasks.status],
    outcome: [...tasks.outcome],
    generation: [...tasks.generation],
    started_at: [...tasks.startedAt],
    ...takeSent(tasks),
    ended_at: [...tasks.endedAt],
    outputs: kept
      .filter((task) => !(tasks.output[task] instanceof Reference))
      .map((task) => [task, tasks.output[task]]),
    ...(references.length === 0 ? {} : { references }),
    given_inputs: positions
      .filter((task) => tasks.givenInput[task] !== undefined)
      .map((task) => [task, tasks.givenInput[task]]),
    dropped: positions.filter(
      (task) => (tasks.output[task] !== undefined && !isKept(task)) || tasks.outputDropped[task] === 1,
    ),
    errors: positions.flatMap((task): [number, RowError][] => {
      const error = tasks.error[task]
      return error ? [[task, error]] : []
    }),
    reasons: positions.flatMap((task): [number, string][] => {
      const reason = tasks.reason[task]
      return reason ? [[task, reason]] : []
    }),
    ...(tasks.spent.includes(1) ? { spent: positions.filter((task) => tasks.spent[task] === 1) } : {}),
    ...(tasks.unanswered.includes(1)
      ? { unanswered: positions.filter((task) => tasks.unanswered[task] === 1) }
      : {}),
    ...(tasks.asking.includes(1) ? { asking: positions.filter((task) => tasks.asking[task] === 1) } : {}),
    ...(state.mode === "compensating" && state.stop ? { backward: takeBackward(state, state.stop) } : {}),
    exceptions: [...state.exceptions],
    answers: newestOf([...state.answers]),
    decisions: newestOf(state.decisions),
    ...(state.requests.size === 0 ? {} : { requests: [...state.requests.values()] }),
    ...(state.endedRequests.size === 0 ? {} : { ended_requests: [...state.endedRequests] }),
    transaction: {
      started_at: state.startedAt,
      version: state.version,
      overridden: state.overridden,
      ignored: state.ignored,
      paused: state.paused,
      overdue: state.overdue,
      deadline_at: state.deadlineAt,
      status: state.status,
    },
  }
}

function takeSent({ startedAt, sentAt }: TaskSlots): Pick<Snapshot, "sent_at"> {
  const differing = [...sentAt].flatMap((at, task): [number, number][] =>
    at === startedAt[task] ? [] : [[task, at]],
  )
  return differing.length === 0 ? {} : { sent_at: differing }
}

function takeBackward({ tasks: { undo } }: MachineState, stop: Stop): BackwardSnapshot {
  return {
    stop,
    status: [...undo.status],
    outcome: [...undo.outcome],
    sent_as: [...undo.sentAs],
    started_at: [...undo.startedAt],
    ended_at: [...undo.endedAt],
    errors: undo.error.flatMap((error, task): [number, RowError][] => (error ? [[task, error]] : [])),
  }
}

function restoreBackward(state: MachineState, backward: BackwardSnapshot): void {
  const { undo } = state.tasks
  undo.status.set(backward.status)
  undo.outcome.set(backward.outcome)
  undo.sentAs.set(backward.sent_as)
  undo.startedAt.set(backward.started_at)
  undo.endedAt.set(backward.ended_at)
  for (const [task, error] of backward.errors) undo.error[task] = error
  state.mode = "compensating"
  state.stop = backward.stop
  recountBackward(state)
}

/** Fills a fresh machine's memory. The rows' changes of the runs before are not repeated by themselves. */
export function restore(state: MachineState, snapshot: Snapshot): void {
  const format: number = snapshot.format
  if (format !== SNAPSHOT_FORMAT)
    throw new Error(`this build reads snapshots of format ${SNAPSHOT_FORMAT}, not ${format}`)
  const { tasks } = state
  tasks.status.set(snapshot.status)
  tasks.outcome.set(snapshot.outcome)
  tasks.generation.set(snapshot.generation)
  tasks.startedAt.set(snapshot.started_at)
  tasks.sentAt.set(snapshot.started_at)
  for (const [task, at] of snapshot.sent_at ?? []) tasks.sentAt[task] = at
  tasks.endedAt.set(snapshot.ended_at)
  for (const [task, error] of snapshot.errors) tasks.error[task] = error
  for (const [task, reason] of snapshot.reasons) tasks.reason[task] = reason
  for (const task of snapshot.asking ?? []) tasks.asking[task] = 1
  for (const task of snapshot.spent ?? []) tasks.spent[task] = 1
  for (const task of snapshot.unanswered ?? []) tasks.unanswered[task] = 1
  for (const task of snapshot.dropped) tasks.outputDropped[task] = 1
  for (const status of TASK_STATUSES) state.counts[status] = 0
  for (let task = 0; task < state.plan.tasks.length; task++) state.counts[statusOf(state, task)]++
  recountReaders(state)
  const references = (snapshot.references ?? []).map(
    ([task, reference]) => [task, new Reference(planTask(state, task).id, reference)] as const,
  )
  for (const [task, output] of [...snapshot.outputs, ...references]) {
    tasks.output[task] = output
    tasks.outputBytes[task] = jsonSize(output, Number.MAX_SAFE_INTEGER)
    state.liveBytes += tasks.outputBytes[task] ?? 0
  }
  for (const [task, input] of snapshot.given_inputs) {
    tasks.givenInput[task] = input
    state.liveBytes += jsonSize(input, Number.MAX_SAFE_INTEGER)
  }
  for (const [task, row] of snapshot.exceptions) state.exceptions.set(task, row)
  for (const [id, answer] of snapshot.answers) state.answers.set(id, answer)
  state.decisions.push(...snapshot.decisions)
  for (const held of snapshot.requests ?? []) keepRequest(state, held)
  for (const [id, end] of snapshot.ended_requests ?? []) state.endedRequests.set(id, end)
  state.version = snapshot.transaction.version
  state.overridden = snapshot.transaction.overridden
  state.ignored = snapshot.transaction.ignored
  state.paused = snapshot.transaction.paused
  state.overdue = snapshot.transaction.overdue
  state.deadlineAt = snapshot.transaction.deadline_at
  state.status = snapshot.transaction.status
  state.plan.tasks.forEach((_, task) => {
    if (statusOf(state, task) === "failed" && tasks.reason[task] !== CONTINUED) state.fatal++
    if (planTask(state, task).irreversible === true && mayHaveHappened(outcomeOf(state, task))) state.passed++
  })
  if (snapshot.backward) restoreBackward(state, snapshot.backward)
  else recountEdges(state)
}

function recountReaders(state: MachineState): void {
  state.tasks.readersLeft.set(state.graph.readers)
  state.plan.tasks.forEach((plan, task) => {
    const status = statusOf(state, task)
    const isContinued = status === "failed" && state.tasks.reason[task] === CONTINUED
    if (status !== "success" && status !== "skipped" && !isContinued) return
    if (keepsInput(plan)) return
    for (const read of plan.reads) state.tasks.readersLeft[read] = (state.tasks.readersLeft[read] ?? 0) - 1
  })
}
