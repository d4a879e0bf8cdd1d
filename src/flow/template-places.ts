/** Compiles the templates of a flow and checks that each reads only what exists where it stands. */
import type { Template } from "../contract/tree.ts"
import type { Graph } from "./graph.ts"
import { parseTemplate, TemplateError } from "./parse-template.ts"
import { pointerTo, type Problem, quote } from "./problem.ts"
import type { Place } from "./read-object.ts"
import { type Reference, referencesOf } from "./references.ts"

/** Names that an expression may read, by where it stands. */
const NAMES = {
  input: ["params", "tasks", "transaction"],
  config: ["params", "tasks", "transaction", "input"],
  when: ["params", "tasks", "transaction"],
  output: ["output", "input"],
  fail_when: ["output", "input"],
  poll: ["output", "status", "input"],
  compensate: ["params", "tasks", "transaction", "input", "output", "outcome", "task"],
  probe: ["params", "tasks", "transaction", "input", "task"],
  executed_when: ["output", "input"],
  "the flow's output": ["params", "tasks", "transaction"],
  business_key: ["params"],
  labels: ["params"],
} as const
export type TemplatePlace = keyof typeof NAMES

/** Of dsl 1, with parts that this version does not carry out. */
const LATER = new Set(["vars", "item", "index", "error", "outcome", "secrets", "task"])
const KNOWN = new Set<string>(Object.values(NAMES).flat())
const TASK_FIELDS = ["output", "status", "error"]
const TRANSACTION_FIELDS = ["id", "started_at"]
/** Of the task that is undone. */
const OWN_FIELDS = ["key"]

export interface TemplateContext extends Pick<Place, "report" | "nearest"> {
  where: TemplatePlace
  /** From a pointer inside the value to the document's. */
  pointerOf: (inside: string) => string
  graph: Graph
  /** The task the template belongs to; absent for the flow's own. */
  task?: { position: number; id: string | undefined; pointer: string }
}

export interface CompiledTemplate {
  template: Template
  references: Reference[]
}

/** Undefined after a syntax error. Everything wrong is reported, in the other expressions of the value too. */
export function compileTemplate(value: unknown, context: TemplateContext): CompiledTemplate | undefined {
  try {
    const template = parseTemplate(value)
    const references = referencesOf(template)
    for (const reference of references) checkReference(reference, context)
    return { template, references }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    for (const { pointer, message } of error.problems) {
      context.report({ pointer: context.pointerOf(pointer), code: "expression_syntax", message })
    }
    checkMembers(value, "", context)
    return undefined
  }
}

/** One wrong expression must not hide what is wrong with its neighbours. */
function checkMembers(value: unknown, pointer: string, context: TemplateContext): void {
  if (typeof value !== "object" || value === null) return
  for (const [name, member] of Object.entries(value)) {
    const inside = pointerTo(pointer, name)
    const quiet = { ...context, pointerOf: (rest: string) => context.pointerOf(inside + rest) }
    if (typeof member === "string") compileTemplate(member, quiet)
    else checkMembers(member, inside, context)
  }
}

function checkReference(reference: Reference, context: TemplateContext): void {
  const problem = findProblem(reference, context)
  if (problem !== undefined) context.report({ pointer: context.pointerOf(reference.pointer), ...problem })
}

type Finding = Omit<Problem, "pointer">

function findProblem({ root, path, guarded }: Reference, context: TemplateContext): Finding | undefined {
  const allowed: readonly string[] = NAMES[context.where]
  if (!allowed.includes(root)) return unknownName(root, allowed, context)
  if (root === "tasks") return checkTask(path, context) ?? checkOptional(path, guarded, context)
  const [field] = path
  if (root === "task") {
    return field !== undefined && OWN_FIELDS.includes(field)
      ? undefined
      : unknownField(`task.${field ?? ""}`, field ?? "", OWN_FIELDS, context)
  }
  if (root === "output" && context.where === "compensate" && field !== undefined && !guarded) {
    return {
      code: "maybe_missing",
      message: "output is null when nobody knows what the call came to, and it is undone all the same",
      fix: `write coalesce(output.${field}, a default)`,
    }
  }
  if (root !== "transaction" || field === undefined || TRANSACTION_FIELDS.includes(field)) return undefined
  return unknownField(`transaction.${field}`, field, TRANSACTION_FIELDS, context)
}

function unknownName(name: string, allowed: readonly string[], context: TemplateContext): Finding {
  const here = `${context.where} can read ${allowed.join(", ")}`
  if (LATER.has(name))
    return { code: "unsupported", message: `${name} is not supported by this version; ${here}` }
  if (KNOWN.has(name))
    return { code: "not_available_here", message: `${name} is not available here; ${here}` }
  const meant = context.nearest(name, allowed)
  const fix = meant === undefined ? `values of the start are params.${name}` : `did you mean ${meant}?`
  return { code: "unknown_name", message: `there is no name ${name}; ${here}`, fix }
}

function unknownField(
  text: string,
  field: string,
  known: readonly string[],
  context: TemplateContext,
): Finding {
  const meant = context.nearest(field, known)
  const fix = meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`
  return { code: "unknown_field", message: `there is no ${text}`, fix }
}

function checkTask([id, field]: readonly string[], context: TemplateContext): Finding | undefined {
  if (id === undefined) {
    return {
      code: "dynamic_task_reference",
      message: "which task is read must be known at publish",
      fix: "write tasks.<id>.output, or tasks['<id>'].output for an id with -",
    }
  }
  const position = context.graph.positionOf(id)
  if (position === undefined) {
    const meant = context.nearest(id, context.graph.ids())
    const fix = meant === undefined ? {} : { fix: `did you mean ${meant}?` }
    return { code: "unknown_task", message: `there is no task ${quote(id)}`, ...fix }
  }
  if (field === undefined || !TASK_FIELDS.includes(field)) {
    if (field !== undefined) return unknownField(`tasks.${id}.${field}`, field, TASK_FIELDS, context)
    const fix = `write tasks.${id}.output`
    return {
      code: "unknown_field",
      message: `tasks.${id} is read as a whole: a field of it must be named`,
      fix,
    }
  }
  return checkAncestor(id, position, context)
}

/** What may not have run has an output only with a default. */
function checkOptional(
  [id = "", field]: readonly string[],
  guarded: boolean,
  { graph }: TemplateContext,
): Finding | undefined {
  const position = graph.positionOf(id)
  if (guarded || field !== "output" || position === undefined || !graph.optional.has(position))
    return undefined
  return {
    code: "maybe_missing",
    message: `${id} may be skipped, and then it has no output`,
    fix: `write coalesce(tasks.${id}.output, a default)`,
  }
}

function checkAncestor(id: string, position: number, { graph, task }: TemplateContext): Finding | undefined {
  if (task === undefined || graph.isAncestor(position, task.position)) return undefined
  const reader = task.id ?? "this task"
  const code = "not_an_ancestor"
  if (position === task.position)
    return { code, message: `${reader} reads its own ${id}, which is not there before it ran` }
  // Wrong dependencies are reported as such; one of them may be the missing one.
  if (graph.incomplete.has(task.position)) return undefined
  if (graph.isAncestor(task.position, position)) {
    return { code, message: `${reader} reads ${id}, which runs only after ${reader}` }
  }
  return {
    code,
    message: `${reader} reads ${id} but does not depend on it`,
    fix: `add ${quote(id)} to ${pointerTo(task.pointer, "depends_on")}`,
  }
}
