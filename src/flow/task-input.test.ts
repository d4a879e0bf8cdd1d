import { describe, expect, test } from "vitest"
import { createMeter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import { compile, compileOne, flow, problemsOf, task } from "./definitions.testsuite.ts"
import { parseTemplate } from "./parse-template.ts"

describe("the default input", () => {
  const { input } = compileOne({
    id: "pay",
    task_name: "charge",
    config: { service: "ledger", method: "post" },
  })
  const rendered = (params: unknown) => render(input, { params }, createMeter())

  test("is params of the id, else of the task_name, else all params", () => {
    expect(rendered({ pay: { a: 1 }, charge: { b: 2 }, c: 3 })).toEqual({ a: 1 })
    expect(rendered({ charge: { b: 2 }, c: 3 })).toEqual({ b: 2 })
    expect(rendered({ c: 3 })).toEqual({ c: 3 })
    expect(rendered({})).toEqual({})
  })

  test("takes what is there, also null", () => {
    expect(rendered({ pay: null, charge: { b: 2 } })).toBeNull()
  })

  test("works for ids and names with every character they may have", () => {
    const odd = compileOne({
      id: "a-b",
      task_name: "扣款.v1-x",
      config: { service: "ledger", method: "post" },
    })
    expect(render(odd.input, { params: { "扣款.v1-x": 5 } }, createMeter())).toBe(5)
    expect(render(odd.input, { params: { "a-b": 6 } }, createMeter())).toBe(6)
  })
})

describe("input", () => {
  test("is a mapping or an expression", () => {
    expect(compileOne(task("a", { input: { x: "${ params.y }" } })).input).toEqual(
      parseTemplate({ x: "${ params.y }" }),
    )
    expect(compileOne(task("a", { input: "${ params }" })).input).toEqual(parseTemplate("${ params }"))
    expect(compileOne(task("a", { input: {} })).input).toEqual(["'", {}])
    for (const input of ["params", 5, [], null]) {
      expect(problemsOf(flow([task("a", { input })]))).toEqual(["invalid_value /tasks/0/input"])
    }
  })
})

describe("input_from", () => {
  const inputOf = (more: Record<string, unknown>) =>
    compile(flow([task("pay"), task("a-b"), task("c", { depends_on: ["pay", "a-b"], ...more })])).tasks[2]

  test("reads dist_task's paths", () => {
    const from = {
      x: "$.pay.result.id",
      y: "$.a-b.result.items[0].sku-no",
      z: "$.pay.result",
      w: "$.pay.result.result.x",
    }
    const compiled = inputOf({ input_from: from })
    const scope = {
      tasks: {
        pay: { output: { id: 1, result: { x: 2 } } },
        "a-b": { output: { items: [{ "sku-no": 3 }] } },
      },
    }
    expect(compiled === undefined ? undefined : render(compiled.input, scope, createMeter())).toEqual({
      x: 1,
      y: 3,
      z: { id: 1, result: { x: 2 } },
      w: 2,
    })
    expect(compiled).toMatchObject({ reads: [0, 1], requires: [0, 1] })
  })

  test("adds to a mapping, also a field whose name CEL reserves", () => {
    const compiled = inputOf({ input: { a: 1 }, input_from: { b: "$.pay.result.in" } })
    const scope = { tasks: { pay: { output: { in: 2 } } } }
    expect(compiled === undefined ? undefined : render(compiled.input, scope, createMeter())).toEqual({
      a: 1,
      b: 2,
    })
  })

  test.each([
    [{ input: { b: 1 }, input_from: { b: "$.pay.result" } }, "not_together /tasks/1/input_from/b"],
    [{ input: "${ params }", input_from: { b: "$.pay.result" } }, "not_together /tasks/1/input_from"],
    [{ input_from: { b: "$.pay.output" } }, "invalid_value /tasks/1/input_from/b"],
    [{ input_from: { b: "$.pay.result['x']" } }, "invalid_value /tasks/1/input_from/b"],
    [{ input_from: { b: "$.pya.result" } }, "unknown_task /tasks/1/input_from/b"],
    [{ input: { a: "${ tasks.pya.output }" }, input_from: {} }, "unknown_task /tasks/1/input/a"],
  ])("%j: %s", (more, problem) => {
    expect(problemsOf(flow([task("pay"), task("c", { depends_on: ["pay"], ...more })]))).toEqual([problem])
  })
})
