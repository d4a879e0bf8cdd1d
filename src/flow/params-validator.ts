/** Validates the params of a start with the flow's `params_schema`. */
import type { ErrorObject } from "ajv"
import { createParamsAjv, dialectOf } from "./params-ajv.ts"
import { pointerTo, type Problem, quote } from "./problem.ts"
import { isObject } from "./read-object.ts"
import { PatternBudgetError } from "./schema-patterns.ts"

/** More do not help a reader, and params may hold half a million wrong members. */
const MAX_PROBLEMS = 100

/** All problems (100 at most), pointers into `params`; none when they are valid. Values are neither converted nor filled in. */
export type ValidateParams = (params: unknown) => Problem[]

/**
 * For a schema that passed publish, or none: then any object will do. Costs a few milliseconds, so keep the
 * answer per flow version. Throws for a schema that publish would have refused.
 */
export function createParamsValidator(schema?: Record<string, unknown> | null): ValidateParams {
  const validate = schema === undefined || schema === null ? () => [] : createSchemaValidator(schema)
  return (params) => {
    if (isObject(params)) return validate(params)
    return [{ pointer: "", code: "type", message: `params must be an object, got ${quote(params)}` }]
  }
}

function createSchemaValidator(schema: Record<string, unknown>): ValidateParams {
  const dialect = dialectOf(schema)
  if (dialect === undefined) throw new Error(`unknown JSON Schema dialect: ${quote(schema["$schema"])}`)
  const { ajv, patterns } = createParamsAjv(dialect, "validate")
  const validate = ajv.compile(schema)
  return (params) => {
    patterns.reset()
    try {
      if (validate(params)) return []
    } catch (error) {
      if (!(error instanceof PatternBudgetError)) throw error
      return [{ pointer: "", code: "pattern_budget", message: error.message, fix: "send less text" }]
    }
    return toProblems(validate.errors ?? [])
  }
}

function toProblems(errors: readonly ErrorObject[]): Problem[] {
  const problems = new Map<string, Problem>()
  for (const error of errors) {
    const problem = toProblem(error)
    const identity = `${problem.pointer} ${problem.code} ${problem.message}`
    if (!problems.has(identity)) problems.set(identity, problem)
    if (problems.size === MAX_PROBLEMS) break
  }
  return [...problems.values()]
}

function toProblem({ keyword, instancePath, params, message, data }: ErrorObject): Problem {
  const missing: unknown = params["missingProperty"]
  if (typeof missing === "string") {
    return { pointer: pointerTo(instancePath, missing), code: "required", message: `${missing} is missing` }
  }
  const extra: unknown = params["additionalProperty"] ?? params["unevaluatedProperty"]
  if (typeof extra === "string") {
    return {
      pointer: pointerTo(instancePath, extra),
      code: keyword,
      message: `there is no field ${quote(extra)}`,
    }
  }
  const allowed: unknown = params["allowedValues"]
  const expected = Array.isArray(allowed)
    ? `must be ${allowed.map((value) => quote(value)).join(" or ")}`
    : (message ?? `does not satisfy ${keyword}`)
  return { pointer: instancePath, code: keyword, message: `${expected}, got ${quote(data)}` }
}
