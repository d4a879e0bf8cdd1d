/**
 * One record per task, operation and generation: opened when a task needs a person, closed by the decision that
 * helped.
 */
import type { ExceptionRow } from "../contract/rows.ts"
import type { ExceptionKind } from "../contract/statuses.ts"
import { suggestedActions } from "../contract/suggested-actions.ts"
import { startClock, stopClock } from "./escalation.ts"
import { TRANSACTION, undoPosition } from "./exception-position.ts"
import { exceptionKindOf, type Judgement, type KeyMemory, retrySafety, severityOf } from "./outcome.ts"
import { type MachineState, outcomeOf, planTask, touchTransaction, undoOutcomeOf } from "./state.ts"

/** @param kind what the judgement says, unless another rule made it a person's matter. */
export type TellOfTask = (
  state: MachineState,
  task: number,
  judgement: Judgement,
  kind?: ExceptionKind,
) => void

export const openTaskException: TellOfTask = (state, task, judgement, kind) => {
  open(state, task, taskFacts(state, task, judgement, kind))
}

/** It is the same trouble still, and more is known of it. */
export const amendTaskException: TellOfTask = (state, task, judgement, kind) => {
  const found = state.exceptions.get(task)
  if (!found || !isOpen(found)) {
    openTaskException(state, task, judgement, kind)
    return
  }
  const { retry_safe_until: _, ...kept } = found
  state.exceptions.set(task, { ...kept, ...taskFacts(state, task, judgement, kind) })
  state.dirty.exceptions.add(task)
}

function taskFacts(
  state: MachineState,
  task: number,
  judgement: Judgement,
  kind: ExceptionKind = exceptionKindOf(judgement),
): Facts {
  const { id, effect, probe } = planTask(state, task)
  const memory = keyMemoryOf(state, task)
  const safety = retrySafety(effect, outcomeOf(state, task), state.now, memory)
  return {
    task: id,
    operation: "do",
    generation: state.tasks.generation[task] ?? 1,
    kind,
    severity: severityOf(kind, safety.safe),
    code: judgement.code,
    message: judgement.message,
    outcome: outcomeOf(state, task),
    retry_safe: safety.safe,
    ...(safety.safe && memory !== undefined && outcomeOf(state, task) === "unknown"
      ? { retry_safe_until: memory.until }
      : {}),
    retry_safe_reason: safety.reason,
    suggested_actions: suggestedActions(safety, outcomeOf(state, task), probe !== undefined),
  }
}

/** Undefined where the target never forgets, or nothing was sent. */
export function keyMemoryOf(state: MachineState, task: number): KeyMemory | undefined {
  const { dedup_ms: ms } = planTask(state, task)
  const sentAt = state.tasks.sentAt[task] ?? 0
  return ms === undefined || sentAt === 0 ? undefined : { until: sentAt + ms, ms }
}

export interface UndoTrouble {
  kind: "no_compensation" | "compensation_failed"
  code: string
  message: string
}

export function openUndoException(state: MachineState, task: number, trouble: UndoTrouble): void {
  const isCallable = trouble.kind === "compensation_failed"
  open(state, undoPosition(task), {
    ...trouble,
    task: planTask(state, task).id,
    operation: "undo",
    generation: state.tasks.generation[task] ?? 1,
    severity: "critical",
    outcome: isCallable ? undoOutcomeOf(state, task) : outcomeOf(state, task),
    retry_safe: isCallable,
    retry_safe_reason: isCallable
      ? "A compensation is made to be repeated: the same key goes with it."
      : "There is no compensation to repeat.",
    suggested_actions: [...(isCallable ? ["retry"] : []), "mark_compensated", "waive_compensation"],
  })
}

/** The effect came after its task had been undone: nobody undoes it any more. */
export function openLateExecution(state: MachineState, task: number): void {
  open(state, task, {
    task: planTask(state, task).id,
    operation: "do",
    generation: state.tasks.generation[task] ?? 1,
    kind: "late_execution",
    severity: "critical",
    code: "late_execution",
    message:
      "The call was done after its compensation had been sent: look whether the effect is there, and undo it by hand if it is.",
    outcome: "executed",
    retry_safe: false,
    retry_safe_reason: "The effect has happened; a repeat would do it again.",
    suggested_actions: [],
  })
}

export function openTransactionException(
  state: MachineState,
  kind: ExceptionKind,
  code: string,
  message: string,
): void {
  open(state, TRANSACTION, {
    task: null,
    operation: "do",
    generation: 1,
    kind,
    severity: "error",
    code,
    message,
    outcome: "not_started",
    retry_safe: false,
    retry_safe_reason: "There is no call to repeat.",
    suggested_actions: [],
  })
}

/** A call is still repeated by itself, or takes long: nobody has to decide anything yet. */
export function openWarning(
  state: MachineState,
  position: number,
  warning: Pick<ExceptionRow, "operation" | "code" | "message">,
): void {
  const task = warning.operation === "do" ? position : undoPosition(position)
  open(state, position, {
    ...warning,
    task: planTask(state, task).id,
    generation: state.tasks.generation[task] ?? 1,
    kind: "early_warning",
    severity: "warn",
    outcome: "unknown",
    retry_safe: false,
    retry_safe_reason: "Its call is open: it is repeated by itself.",
    suggested_actions: [],
  })
}

export function isWarned(state: MachineState, position: number): boolean {
  const found = state.exceptions.get(position)
  return found?.kind === "early_warning" && isOpen(found)
}

/** No-op when the task has no open record. */
export function closeException(
  state: MachineState,
  task: number,
  how: { state: "resolved" | "auto_resolved" | "superseded" | "accepted"; by: string | null },
): void {
  const found = state.exceptions.get(task)
  if (!found || !isOpen(found)) return
  state.exceptions.set(task, {
    ...stopClock(found),
    state: how.state,
    resolved_at: state.now,
    resolved_by: how.by,
  })
  state.dirty.exceptions.add(task)
  touchTransaction(state)
}

/** For a question that a retry had closed and that a cancel leaves without an answer. */
export function reopenException(state: MachineState, task: number): void {
  const found = state.exceptions.get(task)
  if (!found || isOpen(found)) return
  state.exceptions.set(task, {
    ...found,
    ...startClock(state, task, { opened: { kind: found.kind, occurrence: 1 }, before: found }),
    state: "reopened",
    resolved_at: null,
    resolved_by: null,
  })
  state.dirty.exceptions.add(task)
  touchTransaction(state)
}

/** A warning is open, and asks for nothing. */
export function waitsForPerson(row: ExceptionRow): boolean {
  return isOpen(row) && row.kind !== "early_warning"
}

export function isOpen(row: ExceptionRow): boolean {
  return row.state === "open" || row.state === "reopened"
}

type Facts = Omit<ExceptionRow, "state" | "occurrence" | "occurred_at" | "resolved_at" | "resolved_by">

function open(state: MachineState, task: number, facts: Facts): void {
  const before = state.exceptions.get(task)
  const again = before?.generation === facts.generation
  // What was warned of has come: the same record goes on.
  const isGrown = again && isWarned(state, task)
  const occurrence = again ? before.occurrence + (isGrown ? 0 : 1) : 1
  const opened = { kind: facts.kind, occurrence }
  state.exceptions.set(task, {
    ...facts,
    ...startClock(state, task, { opened, before: again ? before : undefined }),
    state: again ? (isGrown ? before.state : "reopened") : "open",
    occurrence,
    occurred_at: state.now,
    resolved_at: null,
    resolved_by: null,
  })
  state.dirty.exceptions.add(task)
  touchTransaction(state)
}
