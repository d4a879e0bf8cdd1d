/**
 * Bounds the work of one validation: how many subschemas a `params_schema` comes to when every `$ref` is
 * followed. References may go to the schema itself only, and not in circles: a few that meet again at every
 * level of a value take time that doubles with each. Patterns must be RE2's.
 */
import { toError } from "../contract/errors.ts"
import { pointerTo, quote, type Report } from "./problem.ts"
import { isObject } from "./read-object.ts"
import { createPatternEngine, type PatternEngine } from "./schema-patterns.ts"

const MAX_SUBSCHEMAS = 5_000
/** References that lead to references. Ajv compiles them by recursion. */
const MAX_REFERENCE_DEPTH = 64

/** Keywords whose value is data, never a schema. */
const DATA = new Set(["enum", "const", "default", "examples"])
/** Keywords whose value maps free names to schemas. */
const MAPS = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependencies",
])
/** Applied only where a reference leads to them. */
const DEFINITIONS = new Set(["$defs", "definitions"])
const REFUSED = ["$async", "$dynamicRef", "$recursiveRef"]

/** Reports at `pointer`, where the schema stands, and below. */
export function checkSchemaWork(schema: Record<string, unknown>, pointer: string, report: Report): void {
  const walk: Walk = {
    root: schema,
    base: pointer,
    report,
    known: new Map(),
    patterns: createPatternEngine(),
    following: 0,
  }
  const { size } = measure("", schema, walk)
  if (size <= MAX_SUBSCHEMAS) return
  const message = `a params_schema may come to ${MAX_SUBSCHEMAS} subschemas with its references followed, this one is larger`
  report({ pointer, code: "schema_too_large", message })
}

interface Work {
  /** Subschemas, each time they are applied. */
  size: number
  /** The longest row of references that lead from one to the next. */
  depth: number
}

interface Walk {
  root: Record<string, unknown>
  base: string
  report: Report
  /** By pointer inside the schema; undefined while it is being measured. */
  known: Map<string, Work | undefined>
  patterns: PatternEngine
  /** References on the way here. */
  following: number
}

function measure(pointer: string, schema: unknown, walk: Walk): Work {
  const work: Work = { size: 1, depth: 0 }
  if (!isObject(schema)) return work
  const known = walk.known.get(pointer)
  if (known !== undefined) return known
  walk.known.set(pointer, undefined)
  checkPatterns(pointer, schema, walk)
  for (const [keyword, value] of Object.entries(schema)) {
    if (DATA.has(keyword)) continue
    const inside = pointerTo(pointer, keyword)
    if (keyword === "$ref" && typeof value === "string") add(work, measureTarget(inside, value, walk))
    else if (REFUSED.includes(keyword) || (keyword === "$id" && pointer !== "")) {
      walk.report({
        pointer: walk.base + inside,
        code: "unsupported",
        message: `${keyword} is not supported in a params_schema`,
        fix: "use $defs and $ref",
      })
    } else if (isObject(value) || Array.isArray(value)) {
      const members = measureInside(inside, keyword, value, walk)
      if (!DEFINITIONS.has(keyword)) add(work, members)
    }
  }
  walk.known.set(pointer, work)
  return work
}

function add(work: Work, part: Work): void {
  work.size += part.size
  work.depth = Math.max(work.depth, part.depth)
}

function checkPatterns(pointer: string, schema: Record<string, unknown>, walk: Walk): void {
  const { pattern, patternProperties } = schema
  const check = (text: string, ...path: string[]) => {
    try {
      walk.patterns(text, "u")
    } catch (error) {
      walk.report({
        pointer: walk.base + pointerTo(pointer, ...path),
        code: "invalid_pattern",
        message: `${quote(text)} cannot be used: ${toError(error).message}`,
        fix: "patterns are RE2's: no backreferences, no look-around, repeats up to 1000",
      })
    }
  }
  if (typeof pattern === "string") check(pattern, "pattern")
  if (isObject(patternProperties)) {
    for (const text of Object.keys(patternProperties)) check(text, "patternProperties", text)
  }
}

function measureInside(pointer: string, keyword: string, value: object, walk: Walk): Work {
  if (!Array.isArray(value) && !MAPS.has(keyword)) return measure(pointer, value, walk)
  const work: Work = { size: 0, depth: 0 }
  for (const [name, member] of Object.entries(value)) {
    if (isObject(member)) add(work, measure(pointerTo(pointer, name), member, walk))
  }
  return work
}

function measureTarget(at: string, reference: string, walk: Walk): Work {
  const refuse = (code: string, message: string): Work => {
    walk.report({ pointer: walk.base + at, code, message })
    return { size: 0, depth: 0 }
  }
  if (!/^#(\/|$)/.test(reference)) {
    return refuse(
      "remote_ref",
      `a $ref points into the schema itself, such as #/$defs/item; got ${quote(reference)}`,
    )
  }
  const path = toPath(reference)
  const target = path?.reduce<unknown>(memberOf, walk.root)
  if (path === undefined || target === undefined) {
    return refuse("unresolved_ref", `there is nothing at ${quote(reference)}`)
  }
  const pointer = pointerTo("", ...path)
  if (walk.known.has(pointer) && walk.known.get(pointer) === undefined) {
    return refuse(
      "recursive_schema",
      `${quote(reference)} leads back to itself: recursive schemas are not supported`,
    )
  }
  const tooDeep = `more than ${MAX_REFERENCE_DEPTH} references lead from one to the next`
  // Twice: on the way down, since this recurses too, and on the way up, for what was measured before.
  if (walk.following === MAX_REFERENCE_DEPTH) return refuse("schema_too_deep", tooDeep)
  walk.following += 1
  const { size, depth } = measure(pointer, target, walk)
  walk.following -= 1
  return depth === MAX_REFERENCE_DEPTH ? refuse("schema_too_deep", tooDeep) : { size, depth: depth + 1 }
}

function memberOf(value: unknown, name: string): unknown {
  const container = isObject(value) || Array.isArray(value)
  return container && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
}

/** The names of a JSON Pointer in a URI fragment, or undefined where its percent-encoding is broken. */
function toPath(reference: string): string[] | undefined {
  try {
    const names = reference.slice(1).split("/").slice(1)
    return names.map((name) => decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~"))
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
