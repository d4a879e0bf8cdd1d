/** Ajv as params are validated with it: either dialect, no formats, no remote references, RE2 patterns. */
import { Ajv, type Options } from "ajv"
import { Ajv2020 } from "ajv/dist/2020.js"
import { canonicalJson } from "./plan-bytes.ts"
import { createPatternEngine, type PatternEngine } from "./schema-patterns.ts"

export interface ParamsAjv {
  ajv: Ajv | Ajv2020
  patterns: PatternEngine
}

const DIALECTS: Record<string, "2020-12" | "draft-07"> = {
  "https://json-schema.org/draft/2020-12/schema": "2020-12",
  "http://json-schema.org/draft-07/schema": "draft-07",
}

/** The dialect that `$schema` names, 2020-12 without it; undefined for any other. */
export function dialectOf(schema: Record<string, unknown>): "2020-12" | "draft-07" | undefined {
  const { $schema: named } = schema
  if (named === undefined) return "2020-12"
  return typeof named === "string" ? DIALECTS[named.replace(/#$/, "")] : undefined
}

/** `purpose` "check" brings the meta-schema, "validate" is for a schema that was checked: 40 times faster to make. */
export function createParamsAjv(dialect: "2020-12" | "draft-07", purpose: "check" | "validate"): ParamsAjv {
  const patterns = createPatternEngine()
  const options: Options = {
    strict: false,
    allErrors: true,
    verbose: true,
    logger: false,
    // Formats are annotations, as the specification has them by default: several well-known ones backtrack.
    validateFormats: false,
    // A name such as toString, which every object has, is not there until the author of the params wrote it.
    ownProperties: true,
    meta: purpose === "check",
    validateSchema: false,
    code: { regExp: patterns },
  }
  const ajv = dialect === "2020-12" ? new Ajv2020(options) : new Ajv(options)
  // Ajv compares each member with each other; this is linear.
  ajv.removeKeyword("uniqueItems")
  ajv.addKeyword({
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    error: { message: "must not have equal members" },
    validate: (wanted: boolean, list: unknown[]) =>
      !wanted || new Set(list.map(canonicalJson)).size === list.length,
  })
  return { ajv, patterns }
}
