/** Random expressions over random data: our evaluator against the library's, values and errors alike. */
import {
  celEnv,
  celFunc,
  celUint,
  CelScalar,
  isCelError,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
  objectType,
  parse,
  plan,
} from "@bufbuild/cel"
import type { CelInput } from "@bufbuild/cel"
import { type Message, toJson } from "@bufbuild/protobuf"
import { isReflectMessage } from "@bufbuild/protobuf/reflect"
import {
  type Duration as DurationMessage,
  DurationSchema,
  type Timestamp as TimestampMessage,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseExpression } from "../flow/parse-expression.ts"
import { Fault } from "./error.ts"
import { evaluateTree } from "./evaluate.ts"
import { createMeter } from "./meter.ts"
import { Duration, SECOND, Timestamp } from "./times.ts"
import { Int, KeyedMap, TypeValue, Uint, isList } from "./values.ts"

/** Each expression is evaluated over several scopes. */
const EXPRESSIONS = process.env["HOLDFAST_SOAK"] === "full" ? 20_000 : 2_000
const SCOPES = 10

describe("evaluateTree()", () => {
  test("agrees with @bufbuild/cel on random expressions and data", () => {
    let values = 0
    fc.assert(
      fc.property(expressions, fc.array(scopes, { minLength: SCOPES, maxLength: SCOPES }), (source, list) => {
        const ours = prepareOurs(source)
        const theirs = prepareTheirs(source)
        for (const scope of list) {
          const wanted = theirs(scope)
          if (wanted !== "error") values += 1
          expect(ours(scope), source).toBe(wanted)
        }
      }),
      { seed: 20_261_121, numRuns: EXPRESSIONS },
    )
    // Against the trivial pass, in which everything is an error on both sides.
    expect(values / (EXPRESSIONS * SCOPES)).toBeGreaterThan(0.3)
  }, 600_000)
})

// The library reads fields of the machine's own clock.
process.env["TZ"] = "UTC"

type Scope = Record<string, unknown>

function prepareOurs(source: string): (scope: Scope) => string {
  const tree = parseExpression(source)
  return (scope) => {
    const meter = createMeter()
    meter.begin()
    try {
      return printOurs(evaluateTree(tree, undefined, { scope, meter, at: undefined }))
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code !== "limit_exceeded") return "error"
      throw thrown
    }
  }
}

const { DOUBLE, INT, STRING, UINT } = CelScalar
const [TIMESTAMP, DURATION] = [objectType(TimestampSchema), objectType(DurationSchema)]

/** The library, with our number overloads: an int beside a double is a double. */
const env = celEnv({
  funcs: [
    celFunc("_+_", [INT, DOUBLE], DOUBLE, (a, b) => Number(a) + b),
    celFunc("_+_", [DOUBLE, INT], DOUBLE, (a, b) => a + Number(b)),
    celFunc("_-_", [INT, DOUBLE], DOUBLE, (a, b) => Number(a) - b),
    celFunc("_-_", [DOUBLE, INT], DOUBLE, (a, b) => a - Number(b)),
    celFunc("_*_", [INT, DOUBLE], DOUBLE, (a, b) => Number(a) * b),
    celFunc("_*_", [DOUBLE, INT], DOUBLE, (a, b) => a * Number(b)),
    celFunc("_/_", [INT, DOUBLE], DOUBLE, (a, b) => Number(a) / b),
    celFunc("_/_", [DOUBLE, INT], DOUBLE, (a, b) => a / Number(b)),
    // The library's own read "" as 0, and text that is no number as NaN.
    celFunc("int", [STRING], INT, (text) => toWhole(text, -(2n ** 63n), 2n ** 63n)),
    celFunc("uint", [STRING], UINT, (text) => celUint(toWhole(text, 0n, 2n ** 64n))),
    celFunc("double", [STRING], DOUBLE, toDouble),
    // Seconds in the library, nanoseconds in others: cel/1 says getSeconds().
    celFunc("int", [DURATION], INT, () => {
      throw new TypeError("no int")
    }),
    // The library fills a fraction up to three, six or nine digits.
    celFunc("string", [TIMESTAMP], STRING, ({ message }) => withoutZeros(toJson(TimestampSchema, message))),
    celFunc("string", [DURATION], STRING, ({ message }) => withoutZeros(toJson(DurationSchema, message))),
    // The library's own refuses results above the largest int.
    celFunc("_/_", [UINT, UINT], UINT, (a, b) => celUint(a.value / b.value)),
  ],
})

function withoutZeros(time: string): string {
  return time.replace(/(\.\d*[1-9])0+(?=[Zs]$)/, "$1")
}

function toWhole(text: string, least: bigint, end: bigint): bigint {
  const value = BigInt(/^-?\d+$/.test(text) ? text : "none")
  if (value < least || value >= end) throw new RangeError("out of range")
  return value
}

function toDouble(text: string): number {
  if (!/^-?\d+(\.\d+)?$/.test(text)) throw new SyntaxError("no number")
  return Number(text)
}

function prepareTheirs(source: string): (scope: Scope) => string {
  const run = plan(env, parse(source))
  return (scope) => {
    // Plain JSON, which is what the library takes.
    const result = run(scope as Record<string, CelInput>)
    return isCelError(result) ? "error" : printTheirs(result)
  }
}

function printOurs(value: unknown): string {
  if (value instanceof Int) return `int ${value.value}`
  if (value instanceof Uint) return `uint ${value.value}`
  if (value instanceof TypeValue) return `type ${value.type}`
  if (value instanceof Uint8Array) return `bytes ${value.toString()}`
  if (value instanceof Timestamp) return `timestamp ${value.nanos}`
  if (value instanceof Duration) return `duration ${value.nanos}`
  if (isList(value)) return `[${value.map(printOurs).join(", ")}]`
  if (value instanceof KeyedMap) {
    return printMap(
      Array.from(value.entries.values(), (entry) => [printOurs(entry.key), printOurs(entry.value)]),
    )
  }
  if (typeof value === "object" && value !== null) {
    return printMap(Object.entries(value).map(([key, member]) => [printOurs(key), printOurs(member)]))
  }
  return printScalar(value)
}

function printTheirs(value: unknown): string {
  if (typeof value === "bigint") return `int ${value}`
  if (isCelUint(value)) return `uint ${value.value}`
  if (isCelType(value)) return `type ${value.name}`
  if (value instanceof Uint8Array) return `bytes ${value.toString()}`
  if (isReflectMessage(value, TimestampSchema)) return `timestamp ${nanosOf(value.message)}`
  if (isReflectMessage(value, DurationSchema)) return `duration ${nanosOf(value.message)}`
  if (isCelList(value)) return `[${Array.from(value, printTheirs).join(", ")}]`
  if (isCelMap(value)) {
    return printMap(Array.from(value, ([key, member]) => [printTheirs(key), printTheirs(member)]))
  }
  return printScalar(value)
}

function nanosOf(message: Message): bigint {
  // Both messages have these two fields, and only they come here.
  const { seconds, nanos } = message as DurationMessage | TimestampMessage
  return seconds * SECOND + BigInt(nanos)
}

function printMap(entries: string[][]): string {
  return `{${entries
    .map(([key, value]) => `${key}: ${value}`)
    .toSorted()
    .join(", ")}}`
}

function printScalar(value: unknown): string {
  if (Object.is(value, -0)) return "double -0"
  return `${value === null ? "null" : typeof value} ${String(value)}`
}

const texts = fc.constantFrom("", "a", "b", "ab", "é", "😀", "id", "12", "-3", "1.5", "true")
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      fc.integer({ min: -4, max: 4 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      texts,
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(texts, tie("value"), { maxKeys: 4 }),
  ),
})).value

const scopes: fc.Arbitrary<Scope> = fc
  .record({
    params: fc.record({
      n: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ min: -10, max: 10, noNaN: true })),
      s: texts,
      b: fc.boolean(),
      l: fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), texts, fc.boolean()), { maxLength: 5 }),
      m: fc.dictionary(texts, fc.integer({ min: -3, max: 3 }), { maxKeys: 4 }),
      items: fc.array(fc.record({ q: fc.integer({ min: 0, max: 4 }), s: texts }, { requiredKeys: ["s"] }), {
        maxLength: 4,
      }),
      v: json,
    }),
  })
  // The library takes no objects without prototype, nor with a key such as "constructor" (see attacks.test.ts).
  .map((scope): Scope => JSON.parse(JSON.stringify(scope)))

type Rule =
  | "any"
  | "arithmetic"
  | "bool"
  | "bytes"
  | "double"
  | "duration"
  | "equality"
  | "field"
  | "index"
  | "int"
  | "key"
  | "list"
  | "map"
  | "number"
  | "numeral"
  | "order"
  | "plain"
  | "scalar"
  | "search"
  | "sized"
  | "start"
  | "string"
  | "test"
  | "timefield"
  | "timestamp"
  | "uint"
  | "variable"
  | "zone"

/** Source text, typed so that most expressions have a value; `any` slips in what is wrong. */
const expressions: fc.Arbitrary<string> = fc
  .letrec<Record<Rule, string>>((tie) => {
    const text = (strings: TemplateStringsArray, ...names: Rule[]) =>
      fc.tuple(...names.map((name) => tie(name))).map((parts) => String.raw({ raw: strings }, ...parts))
    const pick = (...arbitraries: fc.Arbitrary<string>[]) =>
      fc.oneof({ maxDepth: 4, depthSize: "small" }, ...arbitraries)
    const words = (...list: string[]) => fc.constantFrom(...list)
    return {
      int: pick(
        words(
          "0",
          "1",
          "2",
          "(-1)",
          "7",
          "9223372036854775807",
          "(-9223372036854775808)",
          "4611686018427387904",
          "9007199254740993",
          "int('x')",
        ),
        text`(${"int"} ${"arithmetic"} ${"int"})`,
        text`size(${"sized"})`,
        text`int(${"double"})`,
        text`(-(${"int"}))`,
        text`(${"int"} % ${"int"})`,
        text`(${"bool"} ? ${"int"} : ${"int"})`,
        text`int(${"numeral"})`,
        text`${"timestamp"}.${"timefield"}()`,
        text`${"timestamp"}.${"timefield"}(${"zone"})`,
        text`${"duration"}.${"timefield"}()`,
        text`int(${"timestamp"})`,
        tie("any"),
      ),
      // To the millisecond: below it the library's fields round up.
      timestamp: pick(
        words(
          "timestamp('2026-02-28T23:59:59.999Z')",
          "timestamp('1969-12-31T23:59:59.5+08:00')",
          "timestamp('2024-02-29T00:00:00-11:30')",
          // Not near the year 1: the library reads the fields of years below 100 as those of the last century.
          "timestamp('1000-01-01T00:00:00Z')",
          "timestamp('9999-12-31T23:59:59Z')",
          // Not the 29th of February 2026, which the library takes.
          "timestamp('2026-02-29')",
        ),
        text`(${"timestamp"} + ${"duration"})`,
        text`(${"duration"} + ${"timestamp"})`,
        text`(${"timestamp"} - ${"duration"})`,
      ),
      duration: pick(
        words("duration('1h30m')", "duration('-1.5s')", "duration('250ms')", "duration('9000000000s')"),
        text`(${"duration"} + ${"duration"})`,
        text`(${"duration"} - ${"duration"})`,
        text`(${"timestamp"} - ${"timestamp"})`,
      ),
      timefield: words(
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
      ),
      zone: words("'UTC'", "'+08:00'", "'-02:30'", "'05:45'"),
      uint: pick(
        words("0u", "1u", "3u", "18446744073709551615u"),
        text`(${"uint"} ${"arithmetic"} ${"uint"})`,
        text`uint(${"int"})`,
        text`(${"uint"} % ${"uint"})`,
      ),
      double: pick(
        words("0.0", "1.5", "(-2.25)", "1e10", "1e300", "params.n", "params.items[0].q"),
        text`(${"double"} ${"arithmetic"} ${"double"})`,
        text`(${"double"} ${"arithmetic"} ${"int"})`,
        text`(${"int"} ${"arithmetic"} ${"double"})`,
        text`double(${"int"})`,
        text`(-(${"double"}))`,
        text`double(${"numeral"})`,
        tie("any"),
      ),
      arithmetic: words("+", "-", "*", "/"),
      numeral: words("'12'", "'-7'", "'0'", "'9223372036854775808'"),
      order: words("<", "<=", ">", ">="),
      equality: words("==", "!="),
      bool: pick(
        words("true", "false", "params.b"),
        text`(${"number"} ${"order"} ${"number"})`,
        text`(${"string"} ${"order"} ${"string"})`,
        text`(${"timestamp"} ${"order"} ${"timestamp"})`,
        text`(${"duration"} ${"order"} ${"duration"})`,
        text`(${"any"} ${"equality"} ${"any"})`,
        text`(${"bool"} && ${"bool"})`,
        text`(${"bool"} || ${"bool"})`,
        text`!(${"bool"})`,
        text`(${"any"} in ${"list"})`,
        text`(${"string"} in ${"map"})`,
        // For a field that is null, and for what is no map, the library answers false against cel-spec.
        text`has(${"plain"}.${"field"})`,
        text`${"string"}.${"search"}(${"string"})`,
        text`${"list"}.${"test"}(${"variable"}, ${"bool"})`,
        text`${"map"}.${"test"}(${"variable"}, ${"bool"})`,
        text`(type(${"any"}) ${"equality"} type(${"any"}))`,
        tie("any"),
      ),
      test: words("all", "exists", "exists_one"),
      search: words("startsWith", "endsWith", "contains"),
      variable: words("x", "y"),
      number: pick(tie("int"), tie("double"), tie("uint")),
      string: pick(
        words("''", "'a'", "'é'", '"b\'"', "'😀'", "r'\\n'", "'\\n'", "params.s", "params.items[0].s"),
        text`(${"string"} + ${"string"})`,
        text`string(${"scalar"})`,
        text`(${"bool"} ? ${"string"} : ${"string"})`,
        tie("any"),
      ),
      bytes: pick(
        words("b''", "b'a'", "b'\\xff\\x00'", "b'é'"),
        text`bytes(${"string"})`,
        text`(${"bytes"} + ${"bytes"})`,
      ),
      scalar: pick(tie("int"), tie("double"), tie("bool"), tie("string"), tie("bytes"), tie("uint")),
      list: pick(
        words("[]", "params.l", "params.items", "[1, 2, 3]"),
        text`[${"any"}, ${"any"}]`,
        text`(${"list"} + ${"list"})`,
        text`${"list"}.map(${"variable"}, ${"any"})`,
        text`${"list"}.filter(${"variable"}, ${"bool"})`,
        text`${"list"}.map(${"variable"}, ${"bool"}, ${"any"})`,
        text`${"map"}.map(${"variable"}, ${"any"})`,
      ),
      map: pick(
        words("{}", "params", "params.m", "{'a': 1}", "{1: 'a', true: 2}"),
        text`{${"key"}: ${"any"}}`,
        text`{'a': ${"any"}, ${"key"}: ${"any"}}`,
      ),
      field: words("a", "b", "id", "q", "s", "v", "constructor"),
      // Whole numbers only: the library takes false for 0 and does not absorb what 0.5 throws.
      index: pick(words("0", "1", "(-1)", "1u", "1.0"), text`size(${"sized"})`),
      key: words("0", "1", "1u", "true", "2.0", "2.5", "null", "'a'", "''", "params.s", "params.n", "[]"),
      plain: words("params.m", "{'a': 1}", "{}", "params.items[0]"),
      sized: pick(tie("string"), tie("list"), tie("map"), tie("bytes")),
      any: pick(
        words(
          "null",
          "params.v",
          "x",
          "y",
          "x.q",
          "x.s",
          "params.items[1]",
          "params.v.a",
          "params.m.a",
          "params.v[0]",
          "int",
        ),
        tie("scalar"),
        tie("timestamp"),
        tie("duration"),
        tie("list"),
        tie("map"),
        text`${"list"}[${"index"}]`,
        text`${"map"}[${"scalar"}]`,
        text`${"map"}.${"field"}`,
        text`dyn(${"any"})`,
      ),
      start: pick(tie("bool"), tie("number"), tie("string"), tie("list"), tie("map"), tie("any")),
    }
  })
  .start.filter((source) => source.length < 1_500)
