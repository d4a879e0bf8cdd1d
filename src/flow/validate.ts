/** Publish: everything that is wrong with a definition at once, or its plan. */
import { type Plan, PLAN_FORMAT, type PlanBackward } from "../contract/plan.ts"
import { compileFlowCare } from "./compile-care.ts"
import { compileTask, type CompiledTask, type FlowContext } from "./compile-task.ts"
import type { ConnectionInfo } from "./connection.ts"
import { readGraph } from "./graph.ts"
import { FLOW_LIMITS } from "./limits.ts"
import { warnOfParallelWrites } from "./lint.ts"
import { createNearest, type FindNearest } from "../contract/nearest.ts"
import { checkParamsSchema } from "./params-schema.ts"
import { checkPivot, type Override } from "./pivot.ts"
import { canonicalJson, packPlan } from "./plan-bytes.ts"
import { findBuiltInDefinition } from "./built-in-definitions.ts"
import { inDocumentOrder, pointerTo, type Problem, type Report, toPlaceIn } from "./problem.ts"
import { type Fields, readObject } from "./read-object.ts"
import { readTask, type TaskDraft } from "./read-task.ts"
import { FlowSchema } from "./schema/flow.ts"
import { RETRY_DEFAULTS, type RetryDefaults } from "./retry.ts"
import { tasksOf } from "./references.ts"
import { readSource } from "./source.ts"
import type { FindDefinition, TaskDefinition } from "./task-definition.ts"
import { compileTemplate, type TemplatePlace } from "./template-places.ts"

export interface CompileContext {
  /** All connections the flow may use. */
  connections: readonly ConnectionInfo[]
  /** Registered by the tenant; they go before the built-in ones. */
  definitions?: readonly TaskDefinition[]
  /** Ours unless said. */
  retryDefaults?: RetryDefaults
  /** Problems that are told as warnings. */
  overrides?: readonly Override[]
}

export interface Validation {
  /** In document order. Empty exactly when there is a plan. */
  problems: Problem[]
  warnings: Problem[]
  plan?: Plan
  /** The plan as `packPlan` packs it. */
  packed?: Uint8Array
}

/**
 * Validates and compiles a definition (design page "flow language"): an object, or its JSON text. Never throws
 * for what it holds. Pointers are into the definition.
 */
export function validateFlow(definition: unknown, context: CompileContext): Validation {
  const steps = validateInSteps(definition, context)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/**
 * `validateFlow` with places to pause: 2,000 tasks take around a second, and a server has others to answer
 * meanwhile. Between two steps is the work of one task, or of one pass over the whole plan.
 */
export function* validateInSteps(definition: unknown, context: CompileContext): Steps<Validation> {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const report: Report = (problem) => void problems.push(problem)
  const warn: Report = (warning) => void warnings.push(warning)
  const source = readSource(definition, report)
  // A document that was refused as a whole has exact places already.
  const placed = (found: Problem) =>
    source === undefined ? found : { ...found, pointer: toPlaceIn(source, found.pointer) }
  yield
  const plan = problems.length > 0 ? undefined : yield* compileFlow(source, context, { report, warn })
  yield
  const packed = plan === undefined || problems.length > 0 ? undefined : packPlan(plan)
  if (packed !== undefined) checkPlanSize(packed, report)
  const validation = {
    problems: inDocumentOrder(problems.map(placed), source),
    warnings: inDocumentOrder(warnings.map(placed), source),
  }
  const isWhole = plan !== undefined && packed !== undefined && problems.length === 0
  return isWhole ? { ...validation, plan, packed } : validation
}

type Steps<Result> = Generator<undefined, Result>

interface Tools {
  report: Report
  warn: Report
}

/** Undefined when a problem leaves a part of the plan missing. */
function* compileFlow(
  source: unknown,
  context: CompileContext,
  { report, warn }: Tools,
): Steps<Plan | undefined> {
  const nearest = createNearest()
  const fields = readObject(FlowSchema, source, { pointer: "", report, nearest })
  if (fields.params_schema !== undefined) checkParamsSchema(fields.params_schema, report)
  const drafts = yield* readTasks(fields.tasks ?? [], {
    report,
    warn,
    nearest,
    findDefinition: createFinder(context.definitions ?? []),
  })
  if (drafts === undefined) return undefined

  const nodes = drafts.map(({ pointer, fields: { id, when, on_skip }, dependsOn }) => ({
    pointer,
    id,
    dependsOn,
    skips:
      when === undefined ? undefined : on_skip === "prune" ? ("followers" as const) : ("itself" as const),
  }))
  const graph = readGraph(nodes, report, nearest)
  const { connections, retryDefaults = RETRY_DEFAULTS } = context
  const flowContext: FlowContext = {
    report,
    warn,
    nearest,
    graph,
    connections,
    retryDefaults,
    care: compileFlowCare(fields.policy ?? {}),
    onError: ON_ERROR_OF_POLICY[fields.policy?.failure ?? "park"],
    goesBackward: declaresBackward(fields, drafts),
    undoElapsedMs: fields.policy?.compensation?.max_elapsed ?? UNDO_ELAPSED_MS,
  }
  const compiled: (CompiledTask | undefined)[] = []
  for (const draft of drafts) {
    compiled.push(compileTask(draft, flowContext))
    yield
  }
  warnOfParallelWrites(compiled, graph, warn)
  const isOverridden = context.overrides?.includes("irreversible_before_fallible") === true
  checkPivot(drafts, compiled, { graph, tell: isOverridden ? warn : report })
  yield
  return toPlan(fields, compiled, flowContext)
}

const ON_ERROR_OF_POLICY = {
  park: "park",
  finish_independent: "fail",
  fail_fast: "fail",
  compensate: "compensate",
} as const

const UNDO_ELAPSED_MS = 24 * 3_600_000
const UNDO_CONCURRENCY = 10
const DRAIN_MS = 60_000

/** Flows that say nothing of it, such as those of before, never go backward. */
function declaresBackward({ policy }: Fields<typeof FlowSchema>, drafts: readonly TaskDraft[]): boolean {
  if (policy?.failure === "compensate" || policy?.on_cancel === "compensate") return true
  return drafts.some(
    ({ fields }) =>
      fields.compensate !== undefined || fields.pivot === true || fields.on_error === "compensate",
  )
}

function toBackward({ policy }: Fields<typeof FlowSchema>): PlanBackward {
  return {
    on_cancel: policy?.on_cancel ?? "compensate",
    concurrency: policy?.compensation?.concurrency ?? UNDO_CONCURRENCY,
    drain_ms: policy?.compensation?.drain ?? DRAIN_MS,
  }
}

function createFinder(definitions: readonly TaskDefinition[]): FindDefinition {
  const own = new Map(definitions.map((definition) => [definition.name, definition]))
  return (name) => own.get(name) ?? findBuiltInDefinition(name)
}

function* readTasks(
  raw: readonly unknown[],
  tools: Tools & { nearest: FindNearest; findDefinition: FindDefinition },
): Steps<TaskDraft[] | undefined> {
  if (raw.length > FLOW_LIMITS.tasks) {
    const message = `a flow may have ${FLOW_LIMITS.tasks} tasks, this one has ${raw.length}`
    tools.report({ pointer: "/tasks", code: "too_many_tasks", message })
    return undefined
  }
  const drafts: TaskDraft[] = []
  for (const [position, task] of raw.entries()) {
    drafts.push(readTask(task, position, tools))
    yield
  }
  return drafts
}

function toPlan(
  fields: Fields<typeof FlowSchema>,
  compiled: readonly (CompiledTask | undefined)[],
  context: FlowContext,
): Plan | undefined {
  const output = compileOwn(fields.output ?? null, "the flow's output", "/output", context)
  const key = fields.business_key
  const businessKey =
    key === undefined ? undefined : compileOwn(key, "business_key", "/business_key", context)
  const labels = compileLabels(fields.labels, context)
  const tasks = compiled.flatMap((task) => (task === undefined ? [] : [task.plan]))
  if (fields.name === undefined || output === undefined || tasks.length < compiled.length) return undefined
  const plan: Plan = {
    format: PLAN_FORMAT,
    flow: fields.name,
    tasks,
    max_parallel: fields.policy?.max_parallel ?? DEFAULT_MAX_PARALLEL,
    output: output.template,
    output_reads: tasksOf(output.references, context.graph),
    ...context.care,
  }
  if (fields.team !== undefined) plan.team = fields.team
  if (businessKey !== undefined) plan.business_key = businessKey.template
  const onDuplicate = fields.on_duplicate ?? "allow"
  if (onDuplicate !== "allow" && key === undefined) reportNoKey(context.report)
  if (onDuplicate !== "allow") plan.on_duplicate = onDuplicate
  if (fields.policy?.failure === "fail_fast") plan.fail_fast = true
  if (context.goesBackward) plan.backward = toBackward(fields)
  if (fields.policy?.timeout !== undefined) plan.timeout_ms = fields.policy.timeout
  if (labels !== undefined) plan.labels = labels
  if (fields.mask !== undefined) plan.mask = fields.mask
  // Through JSON, so that it is the same value as the one that comes back from its bytes.
  return JSON.parse(canonicalJson(plan)) as Plan
}

function reportNoKey(report: Report): void {
  report({
    pointer: "/on_duplicate",
    code: "required",
    message: "on_duplicate is about the business_key, and this flow has none",
    fix: 'write business_key, such as "${ params.order_id }"',
  })
}

function compileLabels(
  labels: Record<string, string> | undefined,
  context: FlowContext,
): Plan["labels"] | undefined {
  if (labels === undefined) return undefined
  const compiled = Object.entries(labels).flatMap(([name, value]) => {
    const template = compileOwn(value, "labels", pointerTo("/labels", name), context)?.template
    return template === undefined ? [] : [[name, template] as const]
  })
  return Object.fromEntries(compiled)
}

const DEFAULT_MAX_PARALLEL = 50

function compileOwn(value: unknown, where: TemplatePlace, pointer: string, context: FlowContext) {
  return compileTemplate(value, { ...context, where, pointerOf: (inside) => pointer + inside })
}

function checkPlanSize({ length: bytes }: Uint8Array, report: Report): void {
  if (bytes <= FLOW_LIMITS.planBytes) return
  const message = `the compiled flow has ${bytes} bytes compressed; ${FLOW_LIMITS.planBytes} is the most a transaction can be started with`
  report({ pointer: "", code: "plan_too_large", message, fix: "split the flow, or shorten its constants" })
}
