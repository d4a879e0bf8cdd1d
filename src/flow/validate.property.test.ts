import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { CONNECTIONS, flow, task, validate } from "./definitions.testsuite.ts"
import { packPlan, planHash, unpackPlan } from "./plan-bytes.ts"

const IDS = ["pay", "ship", "a-b", "constructor", "1", ""]
const EXPRESSIONS = [
  "${ params.x }",
  "${ tasks.pay.output.id }",
  "${ coalesce(tasks.ship.output, input) }",
  "${ tasks[params.x] }",
  "${ 1 + }",
  "${",
  "$${x}",
  "a ${ output } b",
  "${ secrets.x }",
]
const json = fc.jsonValue({ maxDepth: 3 })
const text = fc.oneof(fc.constantFrom(...EXPRESSIONS), fc.string(), json)
const idOf = fc.oneof(fc.constantFrom(...IDS), json)
const mapping = fc.oneof(fc.dictionary(fc.string(), text), text)

/** Mostly right, with anything in any place. */
const taskOf = fc.record(
  {
    id: idOf,
    task_name: fc.oneof(fc.constantFrom("http", "rpc", "mq", "db", "deduct", "human"), json),
    depends_on: fc.oneof(
      fc.array(fc.oneof(idOf, fc.record({ task: idOf, on: json }, { requiredKeys: [] }))),
      json,
    ),
    config: fc.oneof(
      fc.record(
        {
          url: fc.oneof(fc.webUrl(), text),
          service: text,
          method: text,
          topic: text,
          operation: fc.oneof(fc.constantFrom("insert", "update", "select"), json),
          table: text,
          data: mapping,
          where: mapping,
          sql: text,
          args: fc.oneof(fc.array(text), json),
          connection: fc.oneof(fc.constantFrom(...CONNECTIONS.map(({ name }) => name)), json),
          fail_when: text,
          expect_rows: json,
        },
        { requiredKeys: [] },
      ),
      json,
    ),
    input: mapping,
    input_from: fc.oneof(
      fc.dictionary(fc.string(), fc.constantFrom("$.pay.result.x", "$.a-b.result", "$.x")),
      json,
    ),
    output: mapping,
    retry: fc.oneof(
      fc.record({ strategy: json, interval: json, max_attempts: json }, { requiredKeys: [] }),
      json,
    ),
    timeout: json,
    effect: fc.oneof(fc.constantFrom("read", "unsafe"), json),
    on_error: json,
    description: fc.oneof(fc.string(), json),
  },
  { requiredKeys: [] },
)
const definitionOf = fc.oneof(
  fc.record(
    {
      name: fc.oneof(fc.constantFrom("order", "toString"), json),
      tasks: fc.oneof(fc.array(fc.oneof(taskOf, json)), json),
      output: mapping,
      business_key: text,
      params_schema: fc.oneof(
        json,
        fc.record({
          type: json,
          properties: fc.dictionary(fc.string(), json),
          $ref: fc.string(),
          pattern: fc.string(),
        }),
      ),
      policy: json,
    },
    { requiredKeys: [] },
  ),
  fc.anything(),
  fc.json(),
)

/** Right, but for a text that is no template: of what is anything at all, next to nothing is. */
const rightOf = fc
  .array(fc.record({ input: mapping, after: fc.nat(4), description: fc.string() }), { maxLength: 5 })
  .map((tasks) =>
    flow(
      tasks.map(({ input, after, description }, at) =>
        task(`t${at}`, { input, description, ...(after < at ? { depends_on: [`t${after}`] } : {}) }),
      ),
      { output: tasks.map((_, at) => `\${ tasks.t${at}.output }`) },
    ),
  )

const RUNS = process.env.HOLDFAST_SOAK === "full" ? 9_000 : 900
const SEED = 20_261_121

describe("validateFlow()", () => {
  test("never throws, and every pointer is a place of the document or a missing member of one", () => {
    fc.assert(
      fc.property(definitionOf, (definition) => {
        const { problems, warnings, plan } = validate(definition)
        expect(plan === undefined).toBe(problems.length > 0)
        const document: unknown = typeof definition === "string" ? parse(definition) : definition
        for (const { pointer, message } of [...problems, ...warnings]) {
          expect(message).not.toBe("")
          expect(isPlace(pointer, document), pointer).toBe(true)
        }
      }),
      { numRuns: RUNS, seed: SEED },
    )
  }, 120_000)

  test("says the same every time, and a plan survives its bytes", () => {
    let plans = 0
    fc.assert(
      fc.property(fc.oneof(definitionOf, rightOf), (definition) => {
        const first = validate(definition)
        expect(validate(definition)).toEqual(first)
        if (first.plan === undefined) return
        plans++
        expect(planHash(unpackPlan(packPlan(first.plan)))).toBe(planHash(first.plan))
      }),
      { numRuns: RUNS / 3, seed: SEED },
    )
    expect(plans).toBeGreaterThan(RUNS / 100)
  }, 120_000)
})

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isPlace(pointer: string, document: unknown): boolean {
  const names = pointer.split("/").slice(1)
  let here = document
  for (const [at, segment] of names.entries()) {
    const name = segment.replaceAll("~1", "/").replaceAll("~0", "~")
    if (typeof here !== "object" || here === null) return false
    if (!Object.hasOwn(here, name)) return at === names.length - 1
    here = Reflect.get(here, name)
  }
  return true
}
