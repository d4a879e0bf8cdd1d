import { describe, expect, test } from "vitest"
import { parseTemplate } from "./parse-template.ts"
import { referencesOf } from "./references.ts"

/** `root.path`, with `?` when guarded. */
function read(source: string): string[] {
  return referencesOf(parseTemplate(`\${ ${source} }`)).map(
    ({ root, path, guarded }) => [root, ...path].join(".") + (guarded ? "?" : ""),
  )
}

describe("referencesOf()", () => {
  test.each([
    ["1 + 2", []],
    ["params", ["params"]],
    ["tasks.pay.output.x", ["tasks.pay.output.x"]],
    ["tasks['a-b'].output", ["tasks.a-b.output"]],
    ["tasks.pay['output']['x'].y", ["tasks.pay.output.x.y"]],
    ["tasks.pay.output[0].x", ["tasks.pay.output"]],
    ["tasks[params.name].output", ["tasks", "params.name"]],
    ["tasks.pay.output[params.key].x", ["tasks.pay.output", "params.key"]],
    ["has(tasks.pay.output.x)", ["tasks.pay.output.x"]],
    ["has(tasks.pay.x) ? tasks.pay.x : 1", ["tasks.pay.x", "tasks.pay.x"]],
    ["a.b + size(c.d) + {'k': e, f: [g]}['k'].size()", ["a.b", "c.d", "e", "f", "g"]],
    ["coalesce(tasks.a.output.x, tasks.b.output.x)", ["tasks.a.output.x?", "tasks.b.output.x"]],
    ["coalesce(coalesce(a, b), c)", ["a?", "b?", "c"]],
    ["coalesce(size(a.b[c]), 1)", ["a.b?", "c?"]],
    ["params.items.map(x, x.price * params.rate + y)", ["params.items", "params.rate", "y"]],
    ["a.filter(x, b.exists(y, x == y && z))", ["a", "b", "z"]],
    ["a.map(x, x).map(y, x)", ["a", "x"]],
    ["x.all(x, x.y)", ["x"]],
    ["coalesce(a.map(x, b.c), [])", ["a?", "b.c?"]],
    ["type(a) == int || type(b) == list", ["a", "b"]],
    ["int.x", ["int.x"]],
  ])("%s", (source, references) => {
    expect(read(source)).toEqual(references)
  })

  test("says where in the value each one is", () => {
    const template = parseTemplate({
      "a/b": "${ x }",
      list: ["const", ["${ y.z }"], "text ${ coalesce(u, 1) } and ${ v }"],
      constant: { deep: ["$", ["v", "no"]] },
    })
    expect(referencesOf(template)).toEqual([
      { root: "x", path: [], guarded: false, pointer: "/a~1b" },
      { root: "y", path: ["z"], guarded: false, pointer: "/list/1/0" },
      { root: "u", path: [], guarded: true, pointer: "/list/2" },
      { root: "v", path: [], guarded: false, pointer: "/list/2" },
    ])
  })
})
