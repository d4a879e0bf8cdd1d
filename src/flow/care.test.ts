import { describe, expect, test } from "vitest"
import { compile, flow, task, validate } from "./definitions.testsuite.ts"

const problems = (policy: unknown = {}, own: Record<string, unknown> = {}) =>
  validate(flow([task("pay", own)], { policy })).problems.map(
    ({ pointer, code, message }) => `${pointer} ${code}: ${message}`,
  )

describe("escalate, sla, early_warning and team", () => {
  test("are compiled as they are written, and what a task does not say its flow says", () => {
    const plan = compile(
      flow(
        [
          task("pay", { escalate: [{ after: "1h", action: "pause" }], early_warning: { after_attempts: 5 } }),
          task("ship", { escalate: false, sla: "10m", early_warning: false }),
          task("mail"),
        ],
        {
          team: "支付",
          policy: {
            escalate: [
              { after: "15m", notify: "payments-oncall" },
              { after: "24h", action: "abort" },
            ],
            sla: "2h",
            early_warning: { after: "5m" },
          },
        },
      ),
    )
    expect(plan).toMatchObject({
      team: "支付",
      escalate: [
        { after_ms: 900_000, notify: "payments-oncall" },
        { after_ms: 86_400_000, action: "abort" },
      ],
      sla_ms: 7_200_000,
      early_warning: { attempts: 3, after_ms: 300_000 },
    })
    const [pay, ship, mail] = plan.tasks
    expect(pay).toMatchObject({
      escalate: [{ after_ms: 3_600_000, action: "pause" }],
      early_warning: { attempts: 5, after_ms: 300_000 },
    })
    expect(ship).toMatchObject({ escalate: [], sla_ms: 600_000, early_warning: false })
    expect(mail).not.toHaveProperty("escalate")
    expect(mail).not.toHaveProperty("early_warning")
  })

  test("without a word there are none, and an empty early_warning has its defaults", () => {
    for (const plan of [
      compile(flow([task("pay")])),
      compile(flow([task("pay")], { policy: { early_warning: false } })),
    ]) {
      expect(plan).not.toHaveProperty("escalate")
      expect(plan).not.toHaveProperty("early_warning")
    }
    const { early_warning } = compile(flow([task("pay")], { policy: { early_warning: {} } }))
    expect(early_warning).toEqual({ attempts: 3, after_ms: 120_000 })
  })

  test.each<[unknown, string]>([
    [[], "/policy/escalate out_of_range: expected at least 1 members, got a list"],
    [
      [
        { after: "2h", notify: "a" },
        { after: "1h", notify: "b" },
      ],
      "/policy/escalate/1/after out_of_order: after (3600000 ms) must be later than that of the step before (7200000 ms)",
    ],
    [[{ after: "2h" }], "/policy/escalate/0 required: a step has either notify or action, got neither"],
    [
      [{ after: "2h", notify: "a", action: "abort" }],
      "/policy/escalate/0 conflict: a step has either notify or action, got both",
    ],
    [
      [{ after: "2h", action: "force_close" }],
      '/policy/escalate/0/action invalid_value: expected "retry" or "probe" or "abort" or "cancel" or "pause", got "force_close"',
    ],
    [[{ notify: "a" }], "/policy/escalate/0/after required: after is missing"],
    [[{ after: "2h", tell: "a" }], '/policy/escalate/0/tell unknown_field: there is no field "tell" here'],
    [
      [{ after: "2h", notify: " " }],
      "/policy/escalate/0/notify invalid_value: expected a name of 1 to 100 characters",
    ],
    ["15m", '/policy/escalate wrong_type: expected a list, got "15m"'],
    [true, "/policy/escalate wrong_type: expected a list, got true"],
  ])("escalate %j is refused", (escalate, problem) => {
    expect(problems({ escalate })).toContain(problem)
    expect(problems(undefined, { escalate })).toContain(problem.replace("/policy", "/tasks/0"))
  })

  test.each([
    [
      { after_attempts: 0 },
      "/policy/early_warning/after_attempts out_of_range: expected at least 1, got the number 0",
    ],
    [{ attempts: 3 }, '/policy/early_warning/attempts unknown_field: there is no field "attempts" here'],
    ["2m", '/policy/early_warning wrong_type: expected an object, got "2m"'],
  ])("early_warning %j is refused", (early_warning, problem) => {
    expect(problems({ early_warning })).toContain(problem)
  })
})
