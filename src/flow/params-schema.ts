/** A `params_schema` at publish: whether params can be validated with it, safely. */
import type { ErrorObject } from "ajv"
import { toError } from "../contract/errors.ts"
import { createParamsAjv, dialectOf } from "./params-ajv.ts"
import { pointerTo, quote, type Problem, type Report } from "./problem.ts"
import { checkSchemaWork } from "./schema-work.ts"

const POINTER = "/params_schema"

/**
 * Draft 2020-12 (also without `$schema`) or draft-07. Formats are not checked, references stay inside the
 * schema, patterns are RE2's.
 */
export function checkParamsSchema(schema: Record<string, unknown>, report: Report): void {
  let sound = true
  const refuse: Report = (problem) => {
    sound = false
    report(problem)
  }
  const dialect = dialectOf(schema)
  if (dialect === undefined) {
    refuse({
      pointer: pointerTo(POINTER, "$schema"),
      code: "unknown_dialect",
      message: `this JSON Schema dialect is not known: ${quote(schema["$schema"])}`,
      fix: "leave $schema out, or name https://json-schema.org/draft/2020-12/schema or http://json-schema.org/draft-07/schema#",
    })
    return
  }
  checkSchemaWork(schema, POINTER, refuse)
  const { ajv } = createParamsAjv(dialect, "check")
  const { $schema: _named, ...unnamed } = schema
  // Not a promise: schemas with $async are refused.
  void ajv.validateSchema(unnamed)
  for (const problem of toSchemaProblems(ajv.errors ?? [])) refuse(problem)
  if (!sound) return
  try {
    ajv.compile(unnamed)
  } catch (error) {
    refuse({ pointer: POINTER, code: "schema_invalid", message: toError(error).message })
  }
}

/** The meta-schema says of one mistake that each alternative fails, and that no alternative is left: the first is enough. */
function toSchemaProblems(errors: readonly ErrorObject[]): Problem[] {
  const byPlace = new Map<string, Problem>()
  for (const { instancePath, message, data, params } of errors) {
    if (byPlace.has(instancePath)) continue
    const allowed: unknown = params["allowedValues"]
    const words = Array.isArray(allowed) ? `: ${allowed.join(", ")}` : ""
    byPlace.set(instancePath, {
      pointer: POINTER + instancePath,
      code: "schema_invalid",
      message: `${message ?? "is not valid JSON Schema"}${words}; got ${quote(data)}`,
    })
  }
  return [...byPlace.values()]
}
