/** A fresh machine's memory. */
import { FLAGS } from "../contract/flags.ts"
import type { MachineStart } from "./machine.ts"
import { createReadyQueue } from "./ready-queue.ts"
import { createTaskSlots, type MachineState, type Rules } from "./state.ts"
import type { TaskStatus } from "../contract/statuses.ts"

const ALL_RULES: Rules = { openIsUnknown: true, undoUnknown: true }

export function createState({
  plan,
  planBytes,
  graph,
  at,
  isReset = false,
  rules = ALL_RULES,
  start,
}: MachineStart): MachineState {
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
    planBytes,
    isReset,
    takesReferences: start.flags?.includes(FLAGS.outputs_by_reference.id) ?? false,
    escalates: start.flags?.includes(FLAGS.escalation.id) ?? false,
    chain: start.snapshot ? start.snapshot.chain + 1 : 0,
    startedAt: start.snapshot?.transaction.started_at ?? at,
    tasks,
    counts,
    ready: createReadyQueue(),
    taskOfToken: new Map(),
    exceptions: new Map(),
    answers: new Map(),
    decisions: [],
    requests: new Map(),
    endedRequests: new Map(),
    asksAfterRefusal: start.flags?.includes(FLAGS.ask_after_refusal.id) ?? false,
    provesRepeats: start.flags?.includes(FLAGS.proven_repeats.id) ?? false,
    timesRequests: start.flags?.includes(FLAGS.approvals_expire.id) ?? false,
    commands: [],
    mode: "forward",
    stop: undefined,
    paused: false,
    overdue: false,
    drainUntil: null,
    undoReady: createReadyQueue(),
    undoing: 0,
    unfinished: 0,
    passed: 0,
    pivotLifted: false,
    rules,
    deadlineAt: plan.timeout_ms === undefined ? null : at + plan.timeout_ms,
    fatal: 0,
    status: "pending",
    version: 0,
    overridden: false,
    ignored: 0,
    lastIgnored: null,
    open: 0,
    nextToken: 1,
    liveBytes: 0,
    liveRoom: undefined,
    output: null,
    error: null,
    endedAt: null,
    now: at,
    at,
    historyEvents: 0,
    historyBytes: 0,
    progressed: false,
    timerWanted: false,
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
