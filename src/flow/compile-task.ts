/** A task as the engine runs it: every default written out, names resolved, expressions parsed. */
import type { PlanCare, PlanTask } from "../contract/plan.ts"
import type { Effect } from "../contract/statuses.ts"
import type { Template } from "../contract/tree.ts"
import { compileCare } from "./compile-care.ts"
import { compileCompensate } from "./compile-compensate.ts"
import { type CompiledPoll, compilePoll } from "./compile-poll.ts"
import { compileProbe } from "./compile-probe.ts"
import { type ConnectionInfo, connectionOf } from "./connection.ts"
import { resolveEffect } from "./effect.ts"
import type { Graph } from "./graph.ts"
import { pointerTo, type Report } from "./problem.ts"
import { isObject, type Place } from "./read-object.ts"
import type { TaskDraft } from "./read-task.ts"
import { type Reference, tasksOf } from "./references.ts"
import { compileRetry, compileTimeout, type RetryDefaults } from "./retry.ts"
import type { KindReading } from "./schema/kind.ts"
import { toSummary } from "./summary.ts"
import { toPlanFields } from "./task-definition.ts"
import { toInputSource } from "./task-input.ts"
import { type CompiledTemplate, compileTemplate, type TemplatePlace } from "./template-places.ts"

export interface FlowContext extends Omit<Place, "pointer"> {
  warn: Report
  graph: Graph
  connections: readonly ConnectionInfo[]
  retryDefaults: RetryDefaults
  /** Of the flow. */
  care: PlanCare
  /** For tasks that say nothing of it themselves. */
  onError: PlanTask["on_error"]
  /** Some task declares how it is undone, or the policy does: the transaction can go backward. */
  goesBackward: boolean
  /** Of a compensation that says nothing of it itself. */
  undoElapsedMs: number
}

export interface CompiledTask {
  plan: PlanTask
  /** The table it changes, with its connection; for the warnings. */
  writes: (NonNullable<KindReading["writes"]> & { connection: string }) | undefined
}

/** Reports every problem. Undefined when one of them leaves nothing to compile. */
export function compileTask(draft: TaskDraft, context: FlowContext): CompiledTask | undefined {
  const { fields, config } = draft
  const retry = compileRetry(fields.retry, { ...context, pointer: draft.pointer })
  const connection = connectionOf(draft, context)
  const templates = compileTemplates(draft, connection, context)
  const compensate = compileCompensate(draft, context)
  const probe = compileProbe(draft, context)
  if (config === undefined) return undefined
  const { kind, reading } = config
  const effect = effectOf(draft, reading, connection, context.warn)
  const { input, config: bound, output, failWhen, poll, when } = templates
  if (fields.id === undefined || input === undefined || bound === undefined) return undefined

  const references = [
    ...(when?.references ?? []),
    ...input.references,
    ...bound.references,
    ...(probe?.references ?? []),
  ]
  const inActivity = [...(output?.references ?? []), ...(failWhen?.references ?? []), ...poll.references]
  const summary = toSummary(fields.summary ?? fields.description)
  const plan: PlanTask = {
    id: fields.id,
    kind,
    type: kind,
    deps: (context.graph.deps[draft.position] ?? []).toSorted((a, b) => a - b),
    reads: tasksOf(references, context.graph),
    requires: tasksOf(references.filter(needsOutput), context.graph),
    config: bound.template,
    input: input.template,
    sends_input: reading.sendsInput || inActivity.some(({ root }) => root === "input"),
    effect,
    retry,
    timeout: compileTimeout(fields.timeout),
    on_error: fields.on_error ?? onErrorOf(retry.strategy, context),
    ...compileCare(fields, context.care.early_warning),
  }
  const declared = draft.definition === undefined ? undefined : toPlanFields(draft.definition)
  if (declared !== undefined) plan.fields = declared
  if (summary !== undefined) plan.summary = summary
  if (output !== undefined) plan.output = output.template
  if (failWhen !== undefined) plan.fail_when = failWhen.template
  if (reading.poll !== undefined) plan.poll = { ...reading.poll, ...poll.templates }
  if (when !== undefined) plan.when = when.template
  if (fields.on_skip !== undefined) plan.on_skip = fields.on_skip
  if (fields.priority !== undefined) plan.priority = fields.priority
  // A barrier never forgets.
  if (effect === "keyed" && kind !== "db") plan.dedup_ms = fields.dedup_window ?? DEDUP_MS
  if (compensate !== undefined) plan.compensate = compensate
  if (probe !== undefined) plan.probe = probe.plan
  if (context.goesBackward && isIrreversible(draft, effect)) plan.irreversible = true
  if (isFenced(plan)) fence(plan, templates)
  return { plan, writes: reading.writes && { ...reading.writes, connection: connection?.name ?? "" } }
}

const ON_ERROR_OF_STRATEGY: Record<PlanTask["retry"]["strategy"], PlanTask["on_error"] | undefined> = {
  auto: undefined,
  manual: "park",
  no_retry: "fail",
}

/** What the usual targets promise at least, those of payments first of all. */
const DEDUP_MS = 24 * 3_600_000

/** It writes, and nobody says how that is undone. */
function isIrreversible({ fields }: TaskDraft, effect: Effect): boolean {
  return fields.pivot === true || (effect !== "read" && fields.compensate === undefined)
}

/** Task and compensation meet at one barrier (design 4.3): whichever comes second knows. */
function isFenced({ kind, effect, config, compensate }: PlanTask): boolean {
  if (kind !== "db" || effect === "read" || compensate === undefined || compensate === "none") return false
  return compensate.kind === "db" && connectionNameIn(compensate.config) === connectionNameIn(config)
}

/** A result that got lost becomes the output where the barrier is, and that takes the input. */
function fence(plan: PlanTask, { output }: TaskTemplates): void {
  plan.fenced = true
  const { compensate } = plan
  if (compensate === undefined || compensate === "none" || !compensate.reads_own.includes("output")) return
  if (
    output?.references.some(({ root }) => root === "input") === true &&
    !compensate.reads_own.includes("input")
  )
    compensate.reads_own.unshift("input")
}

/** The name is constant; the whole config is where nothing of it is an expression. */
function connectionNameIn(config: Template): unknown {
  const object: unknown = Array.isArray(config) && config[0] === "'" ? config[1] : config
  return isObject(object) ? object["connection"] : undefined
}

function onErrorOf(strategy: PlanTask["retry"]["strategy"], { onError }: FlowContext): PlanTask["on_error"] {
  if (strategy === "no_retry" && onError === "compensate") return "compensate"
  return ON_ERROR_OF_STRATEGY[strategy] ?? onError
}

function needsOutput({ path, guarded }: Reference): boolean {
  return !guarded && path[1] === "output"
}

interface TaskTemplates {
  input: CompiledTemplate | undefined
  config: CompiledTemplate | undefined
  output: CompiledTemplate | undefined
  failWhen: CompiledTemplate | undefined
  poll: CompiledPoll
  when: CompiledTemplate | undefined
}

function compileTemplates(
  draft: TaskDraft,
  connection: ConnectionInfo | undefined,
  context: FlowContext,
): TaskTemplates {
  const { fields, position, pointer, config } = draft
  const task = { position, id: fields.id, pointer }
  const compile = (value: unknown, where: TemplatePlace, pointerOf: (inside: string) => string) =>
    compileTemplate(value, { ...context, where, pointerOf, task })
  const below = (...names: string[]) => {
    const base = pointerTo(pointer, ...names)
    return (inside: string) => base + inside
  }
  const input = toInputSource(fields, {
    ...context,
    pointer,
    declares: (draft.definition?.input_fields.length ?? 0) > 0,
  })
  const written = config?.reading.config ?? fields.config ?? {}
  const failWhen = config?.reading.failWhen
  return {
    input: compile(input.value, "input", input.pointerOf),
    config: compile(
      connection === undefined ? written : { ...written, connection: connection.name },
      "config",
      below("config"),
    ),
    output: isOutput(fields.output, draft, context)
      ? compile(fields.output, "output", below("output"))
      : undefined,
    failWhen:
      failWhen === undefined ? undefined : compile(failWhen, "fail_when", below("config", "fail_when")),
    poll: compilePoll(config?.reading.poll, (text, name) =>
      compile(text, "poll", below("config", "poll", name)),
    ),
    when: fields.when === undefined ? undefined : compile(fields.when, "when", below("when")),
  }
}

/** A plain name is a label, which says nothing of the output. */
function isOutput(output: unknown, { pointer }: TaskDraft, { report }: FlowContext): boolean {
  if (output === undefined) return false
  if (isObject(output) && Object.keys(output).join() === "select") {
    const message = "select is not supported by this version"
    report({
      pointer: pointerTo(pointer, "output", "select"),
      code: "unsupported",
      message,
      fix: "write an expression",
    })
    return false
  }
  return typeof output !== "string" || output.includes("${")
}

function effectOf(
  { fields, pointer }: TaskDraft,
  reading: KindReading,
  connection: ConnectionInfo | undefined,
  warn: Report,
): Effect {
  const { retry } = fields
  const retriesWritten = retry?.strategy === "auto" && (retry.max_attempts ?? 1) > 1
  const { effect, assumed } = resolveEffect({ written: fields.effect, reading, connection, retriesWritten })
  if (assumed) {
    warn({
      pointer: pointerTo(pointer, "effect"),
      code: "effect_assumed_keyed",
      message: "its retries are taken as a promise that the target honours the idempotency key that is sent",
      fix: 'write effect "keyed" if it does, else "unsafe"',
    })
  }
  const repeats = retry !== undefined && (retry.strategy ?? "auto") === "auto" && retry.max_attempts !== 1
  if (fields.effect === "unsafe" && repeats) {
    warn({
      pointer: pointerTo(pointer, "retry"),
      code: "unsafe_retry",
      message:
        "an unsafe call is repeated only when it is proven that it did not run; after an unknown outcome it parks",
      fix: 'write effect "keyed" or "idempotent" if the target allows repeats, or max_attempts 1',
    })
  }
  return effect
}
