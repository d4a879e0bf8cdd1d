import { describe, expect, test } from "vitest"
import { compileOne, CONNECTIONS, flow, problemsOf } from "../definitions.testsuite.ts"

const mq = (config: Record<string, unknown>) => ({ id: "tell", task_name: "mq", config })
const problems = (config: Record<string, unknown>, connections = CONNECTIONS) =>
  problemsOf(flow([mq(config)]), connections).map((problem) => problem.replace("/tasks/0/config", ""))

describe("mq config", () => {
  test("takes the default connection and writes it out", () => {
    const { config, sends_input, effect } = compileOne(
      mq({ topic: "orders/${ params.region }", key: "${ params.id }" }),
    )
    expect(config).toMatchObject({ connection: "events" })
    expect(sends_input).toBe(true)
    expect(effect).toBe("keyed")
  })

  test("hands the reply's timeout on in milliseconds", () => {
    const { config } = compileOne(mq({ topic: "a", reply: { timeout: "1.5s" } }))
    expect(config).toMatchObject(["'", { reply: { timeout: 1_500 } }])
  })

  test("believes the connection where it says more of repeats", () => {
    const connections = [{ name: "events", kind: "mqtt", default: true, effect: "unsafe" } as const]
    expect(compileOne(mq({ topic: "a" }), connections).effect).toBe("unsafe")
  })

  test.each([
    [{}, "required /topic"],
    [{ topic: "" }, "out_of_range /topic"],
    [{ topic: "a", key: {} }, "invalid_value /key"],
    [{ topic: "a", headers: { a: [] } }, "invalid_value /headers/a"],
    [{ topic: "a", headers: { "idempotency-key": "k" } }, "constant_key /headers/idempotency-key"],
    [{ topic: "a", headers: { "Idempotency-Key": 7 } }, "constant_key /headers/Idempotency-Key"],
    [{ topic: "a", reply: {} }, "required /reply/timeout"],
    [{ topic: "a", reply: { timeout: "soon" } }, "invalid_duration /reply/timeout"],
    [{ topic: "a", reply: { timeout: 0 } }, "invalid_duration /reply/timeout"],
    [{ topic: "a", reply: { timeout: "5s", to: "b" } }, "unknown_field /reply/to"],
    [{ topic: "a", qos: 2 }, "unknown_field /qos"],
    [{ topic: "a", connection: "inventory" }, "connection_kind /connection"],
  ])("%j: %s", (config, problem) => {
    expect(problems(config)).toContain(problem)
  })

  test("needs a connection when none is the default", () => {
    expect(problems({ topic: "a" }, [{ name: "events", kind: "mqtt" }])).toEqual([
      "connection_required /connection",
    ])
  })
})
