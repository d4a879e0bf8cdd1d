/**
 * The official conformance tests of CEL (`@bufbuild/cel-spec`): the 14 core groups, without the cases that
 * need protobuf messages. Left out are the groups of optional libraries (`*_ext`, `macros2`, `optionals`),
 * of protobuf (`dynamic, enums, proto2, proto3, wrappers`) and of the type checker (`type_deductions`, `unknowns`):
 * cel/1 has none of these.
 */
import type { MapValue, Value } from "@bufbuild/cel-spec/cel/expr/value_pb.js"
import { getConformanceSuite } from "@bufbuild/cel-spec/testdata/tests.js"
import type { IncrementalTest, IncrementalTestSuite } from "@bufbuild/cel-spec/testdata/tests.js"
import { type Any, anyUnpack, DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt"
import { describe, expect, test } from "vitest"
import { ExpressionSyntaxError, parseExpression } from "../flow/parse-expression.ts"
import { assertNever } from "../contract/errors.ts"
import { Fault } from "./error.ts"
import { evaluateTree } from "./evaluate.ts"
import { toInt, toUint } from "./integers.ts"
import { createMeter } from "./meter.ts"
import { Duration, SECOND, Timestamp } from "./times.ts"
import { KeyedMap, TypeValue } from "./values.ts"

const CORE = [
  "basic",
  "comparisons",
  "conversions",
  "fields",
  "fp_math",
  "integer_math",
  "lists",
  "logic",
  "macros",
  "namespace",
  "parse",
  "plumbing",
  "string",
  "timestamps",
]

const KEYWORDS =
  "as break const continue else for function if import let loop package namespace return var void while"

/** What cel/1 answers differently, by reason: the cases of one test section. */
const DEVIATIONS: Record<string, Record<string, string>> = {
  "an unknown function is refused at publish, also where || would make it irrelevant": {
    "basic/functions": "unbound_is_runtime_error",
    "parse/receiver_function_names": KEYWORDS,
  },
  "cel/1 has no regular expressions: those of V8 backtrack": {
    "string/matches": "basic empty_target empty_arg empty_empty re_concat re_alt re_rep unicode unicode_smp",
  },
  "a time zone is UTC or an offset: what a named one means is no part of a transaction": {
    "timestamps/timestamp_selectors_tz":
      "getDate getDayOfMonth_name_pos getDayOfMonth_name_neg getDayOfYear getMinutes",
  },
  "names have no namespaces: a.b is always the field b of a": {
    "fields/qualified_identifier_resolution":
      "qualified_ident map_field_select qualified_identifier_resolution_unchecked ident_with_longest_prefix_check",
    "namespace/qualified": "self_eval_qualified_lookup",
    "namespace/namespace": "self_eval_container_lookup self_eval_container_lookup_unchecked",
  },
  "the library's parser does not read fields in backquotes: write map['content-type']": {
    "fields/quoted_map_fields":
      "field_access_slash field_access_dash field_access_dot has_field_slash has_field_dash has_field_dot",
  },
}

const deviations = new Set(
  Object.values(DEVIATIONS)
    .flatMap((sections) => Object.entries(sections))
    .flatMap(([section, names]) => names.split(" ").map((name) => `${section}/${name}`)),
)

const cases = getConformanceSuite()
  .suites.filter(({ name }) => CORE.includes(name))
  .flatMap((suite) => flattenSuite(suite, ""))
  .filter(({ original }) => !needsProtobuf(original))

describe("conformance", () => {
  const passed = new Set(cases.filter(passes).map(({ path }) => path))

  test("1,036 of 1,081 cases pass", () => {
    expect([passed.size, cases.length]).toEqual([1036, 1081])
  })

  test("every case passes that is no listed deviation", () => {
    const failed = cases.filter(({ path }) => !passed.has(path) && !deviations.has(path))
    expect(failed.map(({ path, original }) => `${path}: ${original.expr}`)).toEqual([])
  })

  test("every listed deviation exists and deviates", () => {
    const existing = new Set(cases.map(({ path }) => path))
    expect([...deviations].filter((path) => passed.has(path) || !existing.has(path))).toEqual([])
  })
})

type Case = IncrementalTest & { path: string }

function flattenSuite(suite: IncrementalTestSuite, above: string): Case[] {
  const path = `${above}${suite.name}/`
  return [
    ...suite.tests.map((test) => ({ ...test, path: path + test.name })),
    ...suite.suites.flatMap((inner) => flattenSuite(inner, path)),
  ]
}

function needsProtobuf(original: IncrementalTest["original"]): boolean {
  const text = JSON.stringify(original, (key, value: unknown) =>
    key === "$typeName" ? undefined : typeof value === "bigint" ? value.toString() : value,
  )
  return /TestAllTypes|proto2|proto3|google\.protobuf\.(?!Timestamp|Duration)/.test(text)
}

function passes({ original }: Case): boolean {
  const { resultMatcher: wanted } = original
  const got = run(original)
  switch (wanted.case) {
    case "value":
      return same(got, toInternal(wanted.value))
    case "typedResult":
      return wanted.value.result !== undefined && same(got, toInternal(wanted.value.result))
    case "evalError":
    case "anyEvalErrors":
      return got instanceof Fault || got instanceof ExpressionSyntaxError
    case "unknown":
    case "anyUnknowns":
      return false
    case undefined:
      return got === true
    default:
      return assertNever(wanted)
  }
}

function run({ expr, bindings }: IncrementalTest["original"]): unknown {
  const scope: Record<string, unknown> = {}
  for (const [name, { kind }] of Object.entries(bindings)) {
    if (kind.case === "value") scope[name] = toInternal(kind.value)
  }
  const meter = createMeter()
  meter.begin()
  try {
    return evaluateTree(parseExpression(expr), undefined, { scope, meter, at: undefined })
  } catch (thrown) {
    if (thrown instanceof Fault || thrown instanceof ExpressionSyntaxError) return thrown
    throw thrown
  }
}

/** Strict: an int is no double here, NaN is NaN. */
function same(a: unknown, b: unknown): boolean {
  try {
    expect(a).toStrictEqual(b)
    return true
  } catch {
    return false
  }
}

function toInternal({ kind }: Value): unknown {
  switch (kind.case) {
    case "int64Value":
      return toInt(kind.value)
    case "uint64Value":
      return toUint(kind.value)
    case "nullValue":
      return null
    case "listValue":
      return kind.value.values.map(toInternal)
    case "mapValue":
      return toInternalMap(kind.value)
    case "typeValue":
      return new TypeValue(kind.value)
    case "boolValue":
    case "bytesValue":
    case "doubleValue":
    case "stringValue":
      return kind.value
    case "objectValue":
      return toTime(kind.value)
    case "enumValue":
    case undefined:
    default:
      throw new Error(`a value of kind ${kind.case} is no part of the core groups`)
  }
}

/** Of the messages, only those that are values of cel/1. */
function toTime(message: Any): unknown {
  const duration = anyUnpack(message, DurationSchema)
  if (duration !== undefined) return new Duration(duration.seconds * SECOND + BigInt(duration.nanos))
  const timestamp = anyUnpack(message, TimestampSchema)
  if (timestamp !== undefined) return new Timestamp(timestamp.seconds * SECOND + BigInt(timestamp.nanos))
  throw new Error(`a message of type ${message.typeUrl} is no part of the core groups`)
}

function toInternalMap({ entries }: MapValue): unknown {
  const pairs = entries.map(({ key, value }) => {
    if (key === undefined || value === undefined) throw new Error("an entry without key or value")
    return [toInternal(key), toInternal(value)] as const
  })
  if (pairs.every(([key]) => typeof key === "string")) {
    return Object.assign(Object.create(null), Object.fromEntries(pairs))
  }
  const map = new KeyedMap()
  for (const [key, value] of pairs) map.set(key, value)
  return map
}
