/** Turns a task of the plan into what its activity receives: the only place where the engine evaluates expressions. */
import type { CallInput } from "../contract/activities.ts"
import type { Template } from "../contract/tree.ts"
import { isShortened, toActivityId, toWorkflowId } from "../contract/names.ts"
import { getConvertedInput } from "../expression/convert-input.ts"
import { ExpressionError } from "../expression/error.ts"
import type { Meter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import { mayHoldReference, placeReferences, showReferences } from "./references.ts"
import { type MachineState, outcomeOf, planTask, statusOf } from "./state.ts"

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
    const given = state.tasks.givenInput[task]
    const rendered = given === undefined ? render(plan.input, scope, meter) : given
    const input = plan.fields === undefined ? rendered : getConvertedInput(plan.fields, rendered)
    // The schema of every kind makes `config` an object, and rendering keeps the shape.
    const config = render(plan.config, { ...scope, input }, meter) as Record<string, unknown>
    const call: CallInput = { config, effect: plan.effect }
    if (plan.sends_input) call.input = input
    const prior = outcomeOf(state, task)
    if (prior !== "not_started") call.prior = prior
    if (plan.output !== undefined) call.output = plan.output
    if (plan.fail_when !== undefined) call.fail_when = plan.fail_when
    if (plan.poll !== undefined) call.poll = plan.poll
    if (isShortened(toWorkflowId(state.tenant, state.transaction))) call.transaction = state.transaction
    if (isShortened(activityIdOf(state, task))) call.path = plan.id
    if (state.takesReferences) call.by_reference = true
    if (!mayHoldReference(state, plan.reads)) return { input, call }
    return { input: showReferences(input), call: placeReferences(call) }
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

export function activityIdOf(state: MachineState, task: number): string {
  return toActivityId({
    path: planTask(state, task).id,
    generation: state.tasks.generation[task] ?? 1,
    operation: "do",
  })
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
