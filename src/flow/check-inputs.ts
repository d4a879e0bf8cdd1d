/**
 * What params leave wrong with the declared inputs of tasks: known when a transaction is accepted, as far as an
 * input reads nothing but params. Found later, it would park a task after others have done their work.
 */
import type { Plan, PlanTask } from "../contract/plan.ts"
import type { Template } from "../contract/tree.ts"
import { convertInput, type InputProblem } from "../expression/convert-input.ts"
import { ExpressionError } from "../expression/error.ts"
import { createMeter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import { findOptional, type OptionalNode } from "./optional-tasks.ts"
import { pointerTo, type Problem } from "./problem.ts"
import { isObject } from "./read-object.ts"
import { type Reference, referencesOf } from "./references.ts"

/** Problems of all tasks, with pointers into the params, as near to what is wrong as can be told. */
export function checkInputs({ tasks }: Plan, params: unknown): Problem[] {
  if (tasks.every(({ fields }) => fields === undefined)) return []
  // Whether these run is not known yet.
  const optional = findOptional(tasks.map(({ deps, ...task }) => ({ deps, skips: skipsOf(task) })))
  return tasks.flatMap((task, position) =>
    task.fields === undefined || optional.has(position) ? [] : checkTask(task, task.fields, params),
  )
}

function skipsOf({ when, on_skip }: Pick<PlanTask, "when" | "on_skip">): OptionalNode["skips"] {
  if (when === undefined) return undefined
  return on_skip === "prune" ? "followers" : "itself"
}

type Fields = NonNullable<PlanTask["fields"]>

function checkTask({ id, input }: PlanTask, fields: Fields, params: unknown): Problem[] {
  const told = (problem: InputProblem, pointer: string): Problem => ({
    pointer,
    code: problem.code,
    message: `task ${id}: ${problem.message}`,
  })
  if (isMapping(input)) return checkMapping(input, fields, params).map(([problem, at]) => told(problem, at))
  const references = referencesOf(input)
  if (!readOnlyParams(references)) return []
  const rendered = renderKnown(input, params)
  if (!rendered.ok) return rendered.problems.map((problem) => told(problem, placeOf(references, params)))
  const base = placeOf(references, params)
  return convertInput(fields, rendered.value).problems.map((problem) =>
    told(problem, pointerTo(base, ...problem.path)),
  )
}

/** Field by field: one that waits for another task's output hides nothing of its neighbours. */
function checkMapping(
  input: Readonly<Record<string, Template>>,
  fields: Fields,
  params: unknown,
): [InputProblem, string][] {
  return fields.flatMap((field): [InputProblem, string][] => {
    const template = Object.hasOwn(input, field.name) ? input[field.name] : undefined
    const references = template === undefined ? [] : referencesOf(template)
    if (!readOnlyParams(references)) return []
    const place = placeOf(references, params)
    const rendered =
      template === undefined ? ({ ok: true, value: undefined } as const) : renderKnown(template, params)
    const problems = rendered.ok
      ? convertInput([field], { [field.name]: rendered.value }).problems
      : rendered.problems
    return problems.map((problem) => [problem, pointerTo(place, ...problem.path.slice(1))])
  })
}

function isMapping(input: Template): input is Readonly<Record<string, Template>> {
  return isObject(input)
}

function readOnlyParams(references: readonly Reference[]): boolean {
  return references.every(({ root }) => root === "params")
}

/** What the params hold of what is read, else the first of it that they could hold. */
function placeOf(references: readonly Reference[], params: unknown): string {
  const paths = references.map(({ path }) => path).filter((path) => path.length > 0)
  const found = paths.find((path) => holds(params, path)) ?? paths[0] ?? []
  return pointerTo("", ...found)
}

function holds(value: unknown, path: readonly string[]): boolean {
  let here = value
  for (const name of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, name)) return false
    here = Reflect.get(here, name)
  }
  return true
}

type Rendered = { ok: true; value: unknown } | { ok: false; problems: InputProblem[] }

function renderKnown(template: Template, params: unknown): Rendered {
  try {
    return { ok: true, value: render(template, { params }, createMeter()) }
  } catch (thrown) {
    if (!(thrown instanceof ExpressionError)) throw thrown
    const code = thrown.code === "missing_field" ? "required" : "wrong_type"
    return { ok: false, problems: [{ path: [], code, message: thrown.message }] }
  }
}
