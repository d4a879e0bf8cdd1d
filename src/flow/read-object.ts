/**
 * Reads an object by its schema, field by field: what is right is kept, so that later checks can go on, and
 * everything that is wrong is reported at its place.
 */
import { z } from "zod"
import type { FindNearest } from "../contract/nearest.ts"
import { pointerTo, quote, type Report } from "./problem.ts"

/** Where a value stands in the document, and who is told about it. */
export interface Place {
  pointer: string
  report: Report
  nearest: FindNearest
}

/** All fields that are right; one that is absent or wrong is missing. */
export type Fields<Schema extends z.ZodObject> = Partial<z.output<Schema>>

type Issue = z.core.$ZodIssue
type RawIssue = Parameters<z.core.$ZodErrorMap>[0]

/** Unknown fields are reported with the nearest known name. Anything but an object reads as no fields. */
export function readObject<Schema extends z.ZodObject>(
  schema: Schema,
  raw: unknown,
  place: Place,
): Fields<Schema> {
  const fields: Record<string, unknown> = {}
  if (!isObject(raw)) {
    place.report({
      pointer: place.pointer,
      code: "wrong_type",
      message: `expected an object, got ${quote(raw)}`,
    })
    // No fields at all is a legal partial reading.
    return fields as Fields<Schema>
  }
  const shape: Record<string, z.ZodType> = schema.shape
  for (const [name, field] of Object.entries(shape)) {
    // Most fields of most tasks are absent, and asking the schema about each took half of a publish.
    if (raw[name] === undefined && field instanceof z.ZodOptional) continue
    const parsed = field.safeParse(raw[name], { error: describe })
    if (!parsed.success) {
      for (const issue of parsed.error.issues) reportIssue({ issue, name, field, raw, place })
    } else if (parsed.data !== undefined) fields[name] = parsed.data
  }
  for (const name of Object.keys(raw)) if (!Object.hasOwn(shape, name)) reportUnknown(name, shape, place)
  // Every member was parsed by the schema of its name.
  return fields as Fields<Schema>
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function reportUnknown(name: string, shape: Record<string, unknown>, place: Place): void {
  const known = Object.keys(shape)
  const meant = place.nearest(name, known)
  place.report({
    pointer: pointerTo(place.pointer, name),
    code: "unknown_field",
    message: `there is no field ${quote(name)} here`,
    fix: meant === undefined ? `known fields are ${known.join(", ")}` : `did you mean ${meant}?`,
  })
}

interface Finding {
  issue: Issue
  name: string
  field: z.ZodType
  raw: Record<string, unknown>
  place: Place
}

function reportIssue({ issue, name, field, raw, place }: Finding): void {
  const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)))
  const pointer = pointerTo(place.pointer, name, ...path)
  if (issue.code === "unrecognized_keys") {
    const shape = shapeAt(field, path)
    for (const key of issue.keys) reportUnknown(key, shape, { ...place, pointer })
    return
  }
  if (issue.code === "invalid_union" && hasOffSwitch(issue)) {
    for (const inner of issue.errors[1] ?? [])
      reportIssue({ issue: { ...inner, path: [...issue.path, ...inner.path] }, name, field, raw, place })
    return
  }
  const value = path.reduce<unknown>(memberOf, raw[name])
  // A duration is read by a function of ours, which has an opinion of nothing, too.
  if (value === undefined && (issue.code !== "custom" || codeOf(issue) === "invalid_duration")) {
    place.report({ pointer, code: "required", message: `${path.at(-1) ?? name} is missing` })
    return
  }
  const inner = issue.code === "invalid_key" ? issue.issues[0] : undefined
  place.report({ pointer, code: codeOf(issue), message: inner?.message ?? issue.message })
}

/** Of `false` and something else: who wrote neither meant that. */
function hasOffSwitch({ errors }: Extract<Issue, { code: "invalid_union" }>): boolean {
  const [off] = errors[0] ?? []
  return errors.length === 2 && off?.code === "invalid_value" && off.values[0] === false
}

function memberOf(value: unknown, name: string | number): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Record<string | number, unknown>)[name]
}

function shapeAt(schema: unknown, path: readonly (string | number)[]): Record<string, unknown> {
  if (schema instanceof z.ZodOptional) return shapeAt(schema.unwrap(), path)
  if (schema instanceof z.ZodUnion) return shapeAt(schema.options.at(-1), path)
  if (schema instanceof z.ZodPipe) return shapeAt(schema.out, path)
  if (schema instanceof z.ZodObject) {
    const [name, ...rest] = path
    return name === undefined ? schema.shape : shapeAt(schema.shape[name], rest)
  }
  if (schema instanceof z.ZodArray) return shapeAt(schema.element, path.slice(1))
  return {}
}

function codeOf(issue: Issue): string {
  if (issue.code === "invalid_type") return "wrong_type"
  if (issue.code === "too_big" || issue.code === "too_small") return "out_of_range"
  const code: unknown = issue.code === "custom" ? issue.params?.["code"] : undefined
  return typeof code === "string" ? code : "invalid_value"
}

/** Says what was expected and what came. A message of the schema's own goes before it. */
function describe(issue: RawIssue): string | undefined {
  const came = `got ${quote(issue.input)}`
  if (issue.code === "invalid_type") return `expected ${ARTICLES[issue.expected] ?? issue.expected}, ${came}`
  if (issue.code === "invalid_value") {
    return `expected ${issue.values.map((value) => quote(value)).join(" or ")}, ${came}`
  }
  if (issue.code === "too_small") {
    return `expected at least ${String(issue.minimum)}${unitOf(issue.origin)}, ${came}`
  }
  if (issue.code === "too_big") {
    return `expected at most ${String(issue.maximum)}${unitOf(issue.origin)}, ${came}`
  }
  return undefined
}

const ARTICLES: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
}

function unitOf(origin: string): string {
  if (origin === "string") return " characters"
  return origin === "array" ? " members" : ""
}
