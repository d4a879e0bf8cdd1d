/** How a task is undone, as the engine runs it (design 4.4). */
import type { PlanCompensate, PlanTask } from "../contract/plan.ts"
import { compilePoll } from "./compile-poll.ts"
import type { FlowContext } from "./compile-task.ts"
import { connectionOf } from "./connection.ts"
import { pointerTo } from "./problem.ts"
import type { CompensateDraft, TaskDraft } from "./read-task.ts"
import { compileRetry, compileTimeout, type RetryDefaults } from "./retry.ts"
import { tasksOf } from "./references.ts"
import { toSummary } from "./summary.ts"
import { toPlanFields } from "./task-definition.ts"
import { compileTemplate, type TemplatePlace } from "./template-places.ts"

/** Until its time is over: how long that is, `policy.compensation.max_elapsed` says. */
const RETRY_DEFAULTS: RetryDefaults = {
  max_attempts: 10_000,
  interval_ms: 1_000,
  backoff: 2,
  max_interval_ms: 300_000,
}

/** Reports every problem. Undefined where the task has no compensation, or one that cannot be compiled. */
export function compileCompensate(task: TaskDraft, context: FlowContext): PlanTask["compensate"] | undefined {
  const { compensate: draft } = task
  return draft === undefined || draft === "none" ? draft : compile(draft, task, context)
}

function compile(draft: CompensateDraft, task: TaskDraft, context: FlowContext): PlanCompensate | undefined {
  const { fields, config, pointer } = draft
  const retry = compileRetry(fields.retry, { ...context, pointer, retryDefaults: RETRY_DEFAULTS })
  const connection = connectionOf(draft, context)
  const compileAt = (value: unknown, where: TemplatePlace, ...names: string[]) =>
    compileTemplate(value, {
      ...context,
      where,
      pointerOf: (inside) => pointerTo(pointer, ...names) + inside,
      task: { position: task.position, id: task.fields.id, pointer: task.pointer },
    })
  const input = compileAt(fields.input ?? {}, "compensate", "input")
  const written = config?.reading.config ?? fields.config ?? {}
  const named = connection === undefined ? written : { ...written, connection: connection.name }
  const bound = compileAt(named, "compensate", "config")
  const failWhen =
    config?.reading.failWhen === undefined
      ? undefined
      : compileAt(config.reading.failWhen, "fail_when", "config", "fail_when")
  const poll = compilePoll(config?.reading.poll, (text, name) =>
    compileAt(text, "poll", "config", "poll", name),
  )
  if (config === undefined || input === undefined || bound === undefined) return undefined

  const { kind, reading } = config
  const references = [...input.references, ...bound.references]
  const inActivity = [...(failWhen?.references ?? []), ...poll.references]
  const reads = (name: string) => references.some(({ root }) => root === name)
  const plan: PlanCompensate = {
    kind,
    type: kind,
    reads: tasksOf(references, context.graph),
    reads_own: (["input", "output"] as const).filter(reads),
    config: bound.template,
    input: input.template,
    sends_input: reading.sendsInput || inActivity.some(({ root }) => root === "input"),
    effect: "keyed",
    retry: { max_elapsed_ms: context.undoElapsedMs, ...retry },
    timeout: compileTimeout(fields.timeout),
  }
  const declared = draft.definition === undefined ? undefined : toPlanFields(draft.definition)
  const summary = toSummary(fields.summary ?? fields.description)
  if (declared !== undefined) plan.fields = declared
  if (summary !== undefined) plan.summary = summary
  if (failWhen !== undefined) plan.fail_when = failWhen.template
  if (reading.poll !== undefined) plan.poll = { ...reading.poll, ...poll.templates }
  return plan
}
