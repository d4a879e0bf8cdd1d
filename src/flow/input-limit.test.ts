import { describe, expect, test } from "vitest"
import { findInputTooLarge, MAX_INPUT_BYTES } from "./input-limit.ts"
import { validateFlow } from "./validate.ts"

const inputs: Record<string, unknown> = {
  small: { id: "${ params.id }" },
  after: { big: "${ params.big }", before: "${ tasks.small.output }" },
  whole: undefined,
}

function planOf(...ids: string[]) {
  const tasks = ids.map((id, position) => ({
    id,
    task_name: "http",
    depends_on: position === 0 ? [] : [ids[position - 1]],
    config: { url: "https://a.example" },
    ...(inputs[id] === undefined ? {} : { input: inputs[id] }),
  }))
  const { plan, problems } = validateFlow({ name: "f", tasks }, { connections: [] })
  if (plan === undefined) throw new Error(JSON.stringify(problems))
  return plan
}

/** Counted as expressions do: the texts, and 3 bytes for each of them and around the object. */
const filling = (bytes: number) => ({ big: "x".repeat(bytes - 3 - "big".length - 3 - 3) })

describe("findInputTooLarge()", () => {
  test("names the first task that would get too much", () => {
    const params = { id: "a", ...filling(MAX_INPUT_BYTES + 1) }
    expect(findInputTooLarge(planOf("small", "whole", "last"), params)).toBe("whole")
  })

  test("takes what just fits", () => {
    expect(findInputTooLarge(planOf("whole"), filling(MAX_INPUT_BYTES))).toBeUndefined()
    expect(findInputTooLarge(planOf("whole"), filling(MAX_INPUT_BYTES + 1))).toBe("whole")
  })

  test("takes any params of which no task gets too much", () => {
    const large = "x".repeat(MAX_INPUT_BYTES - 100)
    expect(findInputTooLarge(planOf("small"), { id: "a", big: large, more: large })).toBeUndefined()
    // By its id a task without input gets its own member.
    expect(findInputTooLarge(planOf("whole"), { whole: { n: large }, more: large })).toBeUndefined()
    expect(findInputTooLarge(planOf("small", "after"), { id: "a", big: large, more: large })).toBeUndefined()
  })
})
