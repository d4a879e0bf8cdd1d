/** Turns a task of the plan into what its activity receives: the only place where the engine evaluates expressions. */
import type { CallInput, LateConfig } from "../contract/activities.ts"
import { idempotencyKey } from "../contract/idempotency-key.ts"
import type { PlanCall, PlanCompensate, PlanProbe, PlanTask } from "../contract/plan.ts"
import type { Outcome } from "../contract/statuses.ts"
import type { Template } from "../contract/tree.ts"
import {
  type ActivityName,
  isShortened,
  type Operation,
  toActivityId,
  toActivityName,
  toWorkflowId,
} from "../contract/names.ts"
import { getConvertedInput } from "../expression/convert-input.ts"
import { ExpressionError } from "../expression/error.ts"
import type { Meter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import { earlyWarningOf } from "./escalation.ts"
import { mayHoldReference, placeReferences, showReferences } from "./references.ts"
import { type MachineState, outcomeOf, planTask, statusOf, undoOutcomeOf, undoSentAs } from "./state.ts"

export type Rendered<Value> = { ok: true; value: Value } | { ok: false; error: ExpressionError }

/** The task's input and config. `input` is kept for the rows even where the activity does not need it. */
export function renderCall(
  state: MachineState,
  task: number,
  meter: Meter,
): Rendered<{ input: unknown; call: CallInput }> {
  const plan = planTask(state, task)
  return guarded(() => {
    const scope = scopeOf(state, plan.reads)
    const input = renderInput(state, task, meter)
    // The schema of every kind makes `config` an object, and rendering keeps the shape.
    const config = render(plan.config, { ...scope, input }, meter) as Record<string, unknown>
    const call = toCall(plan, { config, input, prior: outcomeOf(state, task) })
    nameCall(state, call, activityOf(state, task, "do"))
    if (state.takesReferences) call.by_reference = true
    askForWarning(state, task, { call, plan })
    if (!mayHoldReference(state, plan.reads)) return { input, call }
    return { input: showReferences(input), call: placeReferences(call) }
  })
}

/** What a task's compensation sends: it knows what the task sent, what came back and what is known of the effect. */
export function renderUndo(state: MachineState, task: number, meter: Meter): Rendered<CallInput> {
  const plan = planTask(state, task)
  return guarded(() => {
    const { compensate } = plan
    if (compensate === undefined || compensate === "none") throw new Error(`task ${task} cannot be undone`)
    const outcome = undoSentAs(state, task)
    const output = outcome === "unknown" ? undefined : state.tasks.output[task]
    const names = { output: output ?? null, outcome }
    const prior = undoOutcomeOf(state, task)
    const { call, scope } = renderOwn(state, task, compensate, { names, prior, meter })
    nameCall(state, call, activityOf(state, task, "undo"))
    askForWarning(state, task, { call, plan: compensate })
    if (plan.fenced === true) {
      call.undoes = outcome
      if (output === undefined) call.late = toLate(plan, compensate, scope)
    }
    return mayHoldReference(state, [task, ...plan.reads, ...compensate.reads]) ? placeReferences(call) : call
  })
}

/** What the target is asked about a call: it knows what the task sent, and under which key. */
export function renderProbe(state: MachineState, task: number, meter: Meter): Rendered<CallInput> {
  const plan = planTask(state, task)
  return guarded(() => {
    const { probe } = plan
    if (probe === undefined) throw new Error(`task ${task} cannot be asked about`)
    const { call } = renderOwn(state, task, probe, { names: {}, prior: "not_started", meter })
    nameCall(state, call, activityOf(state, task, "probe"))
    return mayHoldReference(state, plan.reads) ? placeReferences(call) : call
  })
}

interface OwnCall {
  /** Beside those that both can read. */
  names: Record<string, unknown>
  prior: Outcome
  meter: Meter
}

/** A call about a task that was called before, and what its templates can read. */
function renderOwn(
  state: MachineState,
  task: number,
  plan: PlanCompensate | PlanProbe,
  { names, prior, meter }: OwnCall,
): { call: CallInput; scope: Record<string, unknown> } {
  const reads: readonly string[] = plan.reads_own
  const sent = reads.includes("input") ? { input: renderInput(state, task, meter) } : {}
  const scope = { ...scopeOf(state, plan.reads), ...names, task: { key: keyOf(state, task) }, ...sent }
  const rendered = render(plan.input, scope, meter)
  const input = plan.fields === undefined ? rendered : getConvertedInput(plan.fields, rendered)
  // The schema of every kind makes `config` an object, and rendering keeps the shape.
  const config = render(plan.config, scope, meter) as Record<string, unknown>
  const call = toCall(plan, { config, input, prior })
  if ("executed_when" in plan) call.executed_when = plan.executed_when
  return { call, scope }
}

function toLate(
  { output }: PlanTask,
  { config }: PlanCompensate,
  names: Record<string, unknown>,
): LateConfig {
  const { output: _, outcome: _asKnown, ...scope } = names
  // One that is kept elsewhere parks the call: there is no place to load it to.
  return { config, scope: showReferences(scope) as typeof scope, ...(output === undefined ? {} : { output }) }
}

function renderInput(state: MachineState, task: number, meter: Meter): unknown {
  const plan = planTask(state, task)
  const given = state.tasks.givenInput[task]
  const rendered = given === undefined ? render(plan.input, scopeOf(state, plan.reads), meter) : given
  return plan.fields === undefined ? rendered : getConvertedInput(plan.fields, rendered)
}

function toCall(
  plan: PlanCall,
  { config, input, prior }: { config: Record<string, unknown>; input: unknown; prior: Outcome },
): CallInput {
  const call: CallInput = { config, effect: plan.effect }
  if (plan.sends_input) call.input = input
  if (prior !== "not_started") call.prior = prior
  if (plan.output !== undefined) call.output = plan.output
  if (plan.fail_when !== undefined) call.fail_when = plan.fail_when
  if (plan.poll !== undefined) call.poll = plan.poll
  return call
}

function askForWarning(
  state: MachineState,
  task: number,
  { call, plan: { retry } }: { call: CallInput; plan: PlanCall },
): void {
  const rule = earlyWarningOf(state, task)
  if (rule === undefined) return
  const { attempts, after_ms } = rule
  call.early_warning = attempts < retry.max_attempts ? { attempts, after_ms } : { after_ms }
}

/** Names that the ids had to shorten. */
function nameCall(state: MachineState, call: CallInput, name: ActivityName): void {
  if (isShortened(toWorkflowId(state.tenant, state.transaction))) call.transaction = state.transaction
  if (isShortened(toActivityId(name))) call.path = toActivityName(name)
}

function keyOf(state: MachineState, task: number): string {
  return idempotencyKey({
    tenant: state.tenant,
    transaction: state.transaction,
    task: planTask(state, task).id,
    generation: state.tasks.generation[task] ?? 1,
    operation: "do",
  })
}

/** Whether a task is wanted at all. */
export function renderWhen(
  state: MachineState,
  when: Template,
  reads: readonly number[],
  meter: Meter,
): Rendered<boolean> {
  return guarded(() => {
    const value = render(when, scopeOf(state, reads), meter)
    if (typeof value !== "boolean") throw new ExpressionError("type_mismatch", "when: expected true or false")
    return value
  })
}

export function renderFlowOutput(state: MachineState, meter: Meter): Rendered<unknown> {
  const { output, output_reads } = state.plan
  return guarded(() => {
    const value = render(output, scopeOf(state, output_reads), meter)
    return mayHoldReference(state, output_reads) ? showReferences(value) : value
  })
}

export function activityIdOf(state: MachineState, task: number, operation: Operation = "do"): string {
  return toActivityId(activityOf(state, task, operation))
}

function activityOf(state: MachineState, task: number, operation: Operation): ActivityName {
  return { path: planTask(state, task).id, generation: state.tasks.generation[task] ?? 1, operation }
}

function scopeOf(state: MachineState, reads: readonly number[]): Record<string, unknown> {
  const tasks: Record<string, unknown> = {}
  for (const read of reads) {
    const output = state.tasks.output[read]
    const status = statusOf(state, read)
    const error = state.tasks.error[read] ?? null
    tasks[planTask(state, read).id] = output === undefined ? { status, error } : { status, error, output }
  }
  return {
    params: state.params,
    tasks,
    transaction: { id: state.transaction, started_at: new Date(state.startedAt).toISOString() },
  }
}

function guarded<Value>(evaluate: () => Value): Rendered<Value> {
  try {
    return { ok: true, value: evaluate() }
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return { ok: false, error: thrown }
    throw thrown
  }
}
