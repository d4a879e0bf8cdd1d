import { describe, expect, test } from "vitest"
import { ROLES } from "../contract/roles.ts"
import { planWorkers } from "./plan-workers.ts"

describe("planWorkers()", () => {
  test.each([
    [ROLES, ["holdfast"], ["both holdfast"]],
    [ROLES, ["holdfast", "slow"], ["both holdfast", "calls slow"]],
    [ROLES, ["slow"], ["workflows holdfast", "calls slow"]],
    [["flow-worker"] as const, ["holdfast", "slow"], ["workflows holdfast"]],
    [["task-worker"] as const, ["holdfast", "slow"], ["calls holdfast", "calls slow"]],
    [["api", "sweeper"] as const, ["holdfast"], []],
  ])("of %j with queues %j", (roles, queues, expected) => {
    expect(planWorkers(roles, queues).map(({ polls, queue }) => `${polls} ${queue}`)).toEqual(expected)
  })
})
