import { describe, expect, test } from "vitest"
import { PROFILES } from "../../contract/connections.ts"
import { OUTCOMES } from "../../contract/statuses.ts"
import { classifyStatus, type StatusSignal } from "./classify.ts"

const signal = (status: number, more: Partial<StatusSignal> = {}): StatusSignal => ({
  status,
  profile: "plain",
  attempt: 1,
  before: "not_started",
  success: ["2xx"],
  reject: [],
  ...more,
})

/** The rows of the table whose reading is the same under every profile, for attempt and outcome of any kind. */
const SAME_EVERYWHERE: Record<string, { statuses: number[]; class: string; left?: string }> = {
  "2xx": { statuses: [200, 201, 202, 204, 206, 299], class: "done" },
  "redirects of a write": { statuses: [301, 302, 307, 308], class: "misconfigured", left: "unknown" },
  "303, probably executed": { statuses: [303], class: "unknown" },
  mistakes: {
    statuses: [400, 404, 405, 406, 410, 411, 413, 414, 415, 431, 451, 501, 505],
    class: "misconfigured",
  },
  credentials: { statuses: [401, 403, 407, 511], class: "misconfigured" },
  refusals: { statuses: [402, 412, 422, 428], class: "refused" },
  "408": { statuses: [408], class: "unknown" },
  "not run": { statuses: [421, 423, 424, 429], class: "not_executed" },
  "500": { statuses: [500], class: "unknown" },
  gateways: { statuses: [502, 504, 520, 521, 522, 523, 524, 525, 526, 527], class: "unknown" },
  "503": { statuses: [503], class: "unknown" },
  "anything else": { statuses: [300, 304, 305, 416, 417, 418, 426, 506, 507, 508, 599], class: "unknown" },
}

describe("classifyStatus()", () => {
  for (const [name, row] of Object.entries(SAME_EVERYWHERE))
    test.each(row.statuses)(`${name}: %d`, (status) => {
      for (const profile of PROFILES)
        for (const before of OUTCOMES)
          for (const attempt of [1, 2]) {
            const finding = classifyStatus(signal(status, { profile, before, attempt }))
            expect(finding.class).toBe(row.class)
            if (finding.class === "done") continue
            expect(finding.code).toBe(`HTTP_${status}`)
            expect(finding.left).toBe(row.left)
          }
    })

  test.each([
    ["ietf-idempotency", 1, "not_started", "ongoing"],
    ["ietf-idempotency", 2, "unknown", "ongoing"],
    ["dtm", 1, "not_started", "refused"],
    ["dtm", 2, "unknown", "refused"],
    ["plain", 1, "not_started", "refused"],
    ["plain", 1, "not_executed", "refused"],
    ["plain", 1, "unknown", "unknown"],
    ["plain", 2, "not_executed", "unknown"],
    ["plain", 2, "unknown", "unknown"],
  ] as const)("409 under %s, attempt %d after %s is %s", (profile, attempt, before, expected) => {
    expect(classifyStatus(signal(409, { profile, attempt, before }))).toEqual({
      class: expected,
      code: "HTTP_409",
    })
  })

  test("425 is ongoing for dtm and not run elsewhere", () => {
    expect(classifyStatus(signal(425, { profile: "dtm" })).class).toBe("ongoing")
    expect(classifyStatus(signal(425)).class).toBe("not_executed")
    expect(classifyStatus(signal(425, { profile: "ietf-idempotency" })).class).toBe("not_executed")
  })

  test("422 with the draft's problem type is a reused key, whose first call may have had its effect", () => {
    const problems = [
      { title: "Idempotency-Key is already used" },
      { type: "https://developer.example.com/idempotency", title: "anything" },
    ]
    for (const problem of problems)
      for (const profile of PROFILES)
        for (const reject of [[], [422], ["4xx"]])
          expect(classifyStatus(signal(422, { profile, problem, reject }))).toEqual({
            class: "misconfigured",
            code: "key_reused",
            left: "unknown",
          })
    const other = { type: "https://example.com/out-of-stock", title: "Idempotency-Key was fine" }
    expect(classifyStatus(signal(422, { profile: "ietf-idempotency", problem: other })).class).toBe("refused")
  })

  test("takes the author's word for a refusal before any other reading", () => {
    for (const status of [400, 404, 409, 500, 200, 302])
      expect(classifyStatus(signal(status, { reject: [status] })).class).toBe("refused")
    expect(classifyStatus(signal(404, { reject: ["4xx"] })).class).toBe("refused")
  })

  test("takes the author's success set instead of 2xx", () => {
    expect(classifyStatus(signal(404, { success: [200, 404] })).class).toBe("done")
    expect(classifyStatus(signal(201, { success: [200] })).class).toBe("unknown")
    expect(classifyStatus(signal(302, { success: ["2xx", "3xx"] })).class).toBe("done")
  })
})
