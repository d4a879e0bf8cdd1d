/**
 * Who hears of an exception that nobody resolves, and what is done about it by itself (design 4.5).
 *
 * S1 steps are taken in order, each once for a record, on the clock of its latest opening. S2 what people say of a
 * record, such as an acknowledgement, does not stop the clock; that it is closed does, and so does the transaction's
 * end. S3 an action is a decision like a person's: it is refused where theirs would be, and recorded where theirs is.
 * S4 a warning does not escalate: what it warns of may still end well. S5 whatever starts a clock sets the timer:
 * Temporal then has a command in that workflow task, so that a replay takes it at the same time.
 */
import type { Refusal } from "../contract/errors.ts"
import type { Decision } from "../contract/messages.ts"
import type { PlanCare, PlanEscalationStep } from "../contract/plan.ts"
import type { ExceptionRow } from "../contract/rows.ts"
import { TRANSACTION, undoPosition } from "./exception-position.ts"
import { type MachineState, planTask } from "./state.ts"

/** Who decides where a step of the flow does. */
export const ESCALATION_ACTOR = "escalation"

/** So many times opened again, a record rises by itself. */
const REOPENINGS = 3

/**
 * What a record that is opened has of its clock.
 *
 * @param opened the record as it is opened now. @param before the same record as it was closed.
 */
export function startClock(
  state: MachineState,
  position: number,
  { opened, before }: { opened: Pick<ExceptionRow, "kind" | "occurrence">; before: ExceptionRow | undefined },
): Pick<ExceptionRow, "escalation_level" | "escalates_at" | "escalation_refused"> {
  const kept = keptOf(before)
  const steps = stepsOf(state, position)
  const isRunning = state.mode === "forward" || state.mode === "compensating"
  if (steps.length === 0 || opened.kind === "early_warning" || !isRunning) return kept
  const reached = kept.escalation_level ?? 0
  const step = steps[reached]
  const rises = opened.occurrence > 1 && (opened.occurrence - 1) % REOPENINGS === 0
  // What is done waits for its time, however often it failed.
  const level = rises && step !== undefined && "notify" in step ? reached + 1 : reached
  const next = steps[level]
  if (next !== undefined) state.timerWanted = true
  return {
    ...kept,
    ...(level === 0 ? {} : { escalation_level: level }),
    ...(next === undefined ? {} : { escalates_at: state.at + next.after_ms }),
  }
}

function keptOf(
  before: ExceptionRow | undefined,
): Pick<ExceptionRow, "escalation_level" | "escalation_refused"> {
  const { escalation_level, escalation_refused } = before ?? {}
  return {
    ...(escalation_level === undefined ? {} : { escalation_level }),
    ...(escalation_refused === undefined ? {} : { escalation_refused }),
  }
}

export function stopClock(row: ExceptionRow): ExceptionRow {
  const { escalates_at: _, ...rest } = row
  return rest
}

/** The run has ended, and with it its timers. What is open stays so. */
export function stopClocks(state: MachineState): void {
  for (const [position, row] of state.exceptions) if (hasClock(row)) put(state, position, stopClock(row))
}

/** A run that was over goes on: what is open still begins to wait anew. */
export function restartClocks(state: MachineState): void {
  for (const [position, row] of state.exceptions)
    if (row.resolved_at === null && !hasClock(row))
      put(state, position, {
        ...row,
        ...startClock(state, position, { opened: { kind: row.kind, occurrence: 1 }, before: row }),
      })
}

/**
 * Takes every step whose time has come.
 *
 * @param carryOut takes a decision, or says why it is refused.
 */
export function escalate(state: MachineState, carryOut: (decision: Decision) => Refusal | undefined): void {
  const due = [...state.exceptions]
    .filter(([, row]) => isDue(row, state.at))
    .toSorted(([, one], [, other]) => (one.escalates_at ?? 0) - (other.escalates_at ?? 0))
  for (const [position] of due)
    // What one step does may close the record, or another one.
    for (
      let row = state.exceptions.get(position);
      row && isDue(row, state.at);
      row = state.exceptions.get(position)
    )
      takeStep(state, position, { row, carryOut })
}

function takeStep(
  state: MachineState,
  position: number,
  { row, carryOut }: { row: ExceptionRow; carryOut: (decision: Decision) => Refusal | undefined },
): void {
  const level = row.escalation_level ?? 0
  const [step, next] = stepsOf(state, position).slice(level)
  const { escalates_at: at = state.at, ...rest } = row
  const openedAt = at - (step?.after_ms ?? 0)
  put(state, position, {
    ...rest,
    escalation_level: level + 1,
    ...(next === undefined ? {} : { escalates_at: openedAt + next.after_ms }),
  })
  if (step === undefined || !("action" in step)) return
  const refusal = carryOut(toDecision(row, { step, level: level + 1 }))
  const after = state.exceptions.get(position)
  if (refusal !== undefined && after)
    put(state, position, { ...after, escalation_refused: `${step.action}: ${refusal}` })
}

function toDecision(
  row: ExceptionRow,
  { step, level }: { step: Extract<PlanEscalationStep, { action: unknown }>; level: number },
): Decision {
  const { task, operation, generation, occurrence, kind } = row
  const isAboutTask = step.action === "retry" || step.action === "probe"
  const of = task === null ? "the transaction" : `task ${task}`
  return {
    // No `Idempotency-Key` has a space: nobody can take it in advance.
    id: `escalation ${task ?? ""}:${operation}:${generation}:${occurrence}:${level}`,
    action: step.action,
    ...(isAboutTask && task !== null ? { task } : {}),
    actor: ESCALATION_ACTOR,
    reason: `Step ${level} of the escalation of ${of}: ${kind} was open for ${step.after_ms / 1000} s.`,
  }
}

/** What its flow says of a record and the row shows: the memory holds how far it is, and no more. */
export function careOf(
  state: MachineState,
  position: number,
  row: ExceptionRow,
): Pick<ExceptionRow, "team" | "escalated_to" | "sla_due_at"> {
  const { team } = state.plan
  const taken = stepsOf(state, position).slice(0, row.escalation_level ?? 0)
  const told = taken.findLast((step) => "notify" in step)
  const sla = row.kind === "early_warning" || !state.escalates ? undefined : ruleOf(state, position, "sla_ms")
  return {
    ...(team === undefined || !state.escalates ? {} : { team }),
    ...(told === undefined ? {} : { escalated_to: told.notify }),
    ...(sla === undefined ? {} : { sla_due_at: row.occurred_at + sla }),
  }
}

/** What the flow says of early warnings of a task; undefined where there is none. */
export function earlyWarningOf(state: MachineState, task: number) {
  const rule = state.escalates ? ruleOf(state, task, "early_warning") : undefined
  return rule === false ? undefined : rule
}

function stepsOf(state: MachineState, position: number): readonly PlanEscalationStep[] {
  return (state.escalates ? ruleOf(state, position, "escalate") : undefined) ?? []
}

function ruleOf<Name extends keyof PlanCare>(
  state: MachineState,
  position: number,
  name: Name,
): PlanCare[Name] {
  if (position === TRANSACTION) return state.plan[name]
  const own: PlanCare = planTask(state, position >= 0 ? position : undoPosition(position))
  return own[name] ?? state.plan[name]
}

export function hasClock({ escalates_at }: ExceptionRow): boolean {
  return escalates_at !== undefined
}

function isDue({ escalates_at: at }: ExceptionRow, now: number): boolean {
  return at !== undefined && at <= now
}

function put(state: MachineState, position: number, row: ExceptionRow): void {
  state.exceptions.set(position, row)
  state.dirty.exceptions.add(position)
}
