import { describe, expect, test } from "vitest"
import { compileOne, flow, problemsOf, task, warningsOf } from "../definitions.testsuite.ts"

const rpc = (config: Record<string, unknown>) => task("pay", { config })
const problems = (config: Record<string, unknown>) =>
  problemsOf(flow([rpc(config)])).map((problem) => problem.replace("/tasks/0/config", ""))

describe("rpc config", () => {
  test("writes the connection beside the service, and sends the input", () => {
    const { config, sends_input, effect } = compileOne(
      rpc({ service: "payment", method: "shop.Payment/Charge" }),
    )
    expect(config).toEqual([
      "'",
      { service: "payment", method: "shop.Payment/Charge", connection: "payment" },
    ])
    expect(sends_input).toBe(true)
    expect(effect).toBe("unsafe")
  })

  test("takes an unknown service as a host, with a warning", () => {
    const definition = rpc({ service: "PaymentService:8080", method: "deduct" })
    expect(compileOne(definition).config).toEqual(["'", { service: "PaymentService:8080", method: "deduct" }])
    expect(warningsOf(flow([definition]))).toEqual(["service_without_connection /tasks/0/config/service"])
  })

  test.each([
    [{}, "required /service"],
    [{ service: "payment" }, "required /method"],
    [{ service: "payment", method: "a/b", path: "/x" }, "unknown_field /path"],
    [{ service: "${ params.s }", method: "a/b" }, "constant_required /service"],
    [{ service: "payment", method: "${ params.m }" }, "constant_required /method"],
    [{ service: "payment", method: "Charge" }, "grpc_method /method"],
    [{ service: "ledger", method: "a b" }, "invalid_value /method"],
    [{ service: "inventory", method: "deduct" }, "connection_kind /service"],
    [{ service: "http://payment", method: "deduct" }, "unknown_connection /service"],
  ])("%j: %s", (config, problem) => {
    expect(problems(config)).toContain(problem)
  })
})
