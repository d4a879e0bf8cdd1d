import { describe, expect, test } from "vitest"
import type { Plan } from "../contract/plan.ts"
import { LabelError, renderLabels } from "./labels.ts"
import { parseTemplate } from "./parse-template.ts"

const planWith = (labels: Record<string, string>): Plan => ({
  format: 1,
  flow: "order",
  tasks: [],
  max_parallel: 50,
  output: null,
  output_reads: [],
  labels: Object.fromEntries(Object.entries(labels).map(([name, text]) => [name, parseTemplate(text)])),
})

describe("renderLabels()", () => {
  test("makes texts of what params hold, and leaves out what is null", () => {
    const plan = planWith({
      region: "${ params.region }",
      big: "${ params.amount > 5 }",
      n: "${ params.amount }",
      no: "${ params.none }",
    })
    expect(renderLabels(plan, { region: "eu", amount: 7, none: null })).toEqual({
      region: "eu",
      big: "true",
      n: "7",
    })
  })

  test.each([
    [{ a: "${ params.list }" }, "the label a must be text, a number or a boolean"],
    [{ a: "${ params.gone }" }, "the label a cannot be worked out from these params"],
    [{ a: "${ params.long }" }, "the label a may have 255 characters, these params make 256"],
  ])("%j is refused", (labels, message) => {
    const render = () => renderLabels(planWith(labels), { list: [], long: "x".repeat(256) })
    expect(render).toThrow(LabelError)
    expect(render).toThrow(message)
  })

  test("a flow without labels gives none", () => {
    const { labels: _, ...plan } = planWith({})
    expect(renderLabels(plan, {})).toEqual({})
  })
})
