/** A call about a task, as the engine makes it: what its compensation and its probe have in common. */
import type { PlanCall } from "../contract/plan.ts"
import type { Effect } from "../contract/statuses.ts"
import { compilePoll } from "./compile-poll.ts"
import type { FlowContext } from "./compile-task.ts"
import { connectionOf } from "./connection.ts"
import { pointerTo } from "./problem.ts"
import type { CompensateDraft, ProbeDraft, TaskDraft } from "./read-task.ts"
import type { RetryDefaults } from "./retry.ts"
import { compileRetry, compileTimeout } from "./retry.ts"
import { type Reference, tasksOf } from "./references.ts"
import { toSummary } from "./summary.ts"
import { toPlanFields } from "./task-definition.ts"
import { type CompiledTemplate, compileTemplate, type TemplatePlace } from "./template-places.ts"

export interface OwnCallRules<CallEffect extends Effect> {
  where: TemplatePlace
  retryDefaults: RetryDefaults
  effect: CallEffect
}

export interface CompiledOwnCall<CallEffect extends Effect> {
  plan: PlanCall & { effect: CallEffect }
  /** Of its input and config. */
  references: Reference[]
}

/** Reports every problem. Undefined where something cannot be compiled. */
export function compileOwnCall<CallEffect extends Effect>(
  draft: CompensateDraft | ProbeDraft,
  context: FlowContext & { task: TaskDraft },
  { where, retryDefaults, effect }: OwnCallRules<CallEffect>,
): CompiledOwnCall<CallEffect> | undefined {
  const { fields, config, pointer } = draft
  const retry = compileRetry(fields.retry, { ...context, pointer, retryDefaults })
  const connection = connectionOf(draft, context)
  const compile = templatesOf(draft, context)
  const input = compile(fields.input ?? {}, where, "input")
  const written = config?.reading.config ?? fields.config ?? {}
  const named = connection === undefined ? written : { ...written, connection: connection.name }
  const bound = compile(named, where, "config")
  const failWhen =
    config?.reading.failWhen === undefined
      ? undefined
      : compile(config.reading.failWhen, "fail_when", "config", "fail_when")
  const poll = compilePoll(config?.reading.poll, (text, name) =>
    compile(text, "poll", "config", "poll", name),
  )
  if (config === undefined || input === undefined || bound === undefined) return undefined

  const { kind, reading } = config
  const references = [...input.references, ...bound.references]
  const inActivity = [...(failWhen?.references ?? []), ...poll.references]
  const plan: CompiledOwnCall<CallEffect>["plan"] = {
    kind,
    type: kind,
    reads: tasksOf(references, context.graph),
    config: bound.template,
    input: input.template,
    sends_input: reading.sendsInput || inActivity.some(({ root }) => root === "input"),
    effect,
    retry,
    timeout: compileTimeout(fields.timeout),
  }
  const declared = draft.definition === undefined ? undefined : toPlanFields(draft.definition)
  const summary = toSummary(fields.summary ?? fields.description)
  if (declared !== undefined) plan.fields = declared
  if (summary !== undefined) plan.summary = summary
  if (failWhen !== undefined) plan.fail_when = failWhen.template
  if (reading.poll !== undefined) plan.poll = { ...reading.poll, ...poll.templates }
  return { plan, references }
}

/** Compiles a value of the draft's, found below `names`. */
export function templatesOf(
  { pointer }: CompensateDraft | ProbeDraft,
  { task, ...context }: FlowContext & { task: TaskDraft },
) {
  const owner = { position: task.position, id: task.fields.id, pointer: task.pointer }
  return (value: unknown, where: TemplatePlace, ...names: string[]): CompiledTemplate | undefined =>
    compileTemplate(value, {
      ...context,
      where,
      pointerOf: (inside) => pointerTo(pointer, ...names) + inside,
      task: owner,
    })
}
