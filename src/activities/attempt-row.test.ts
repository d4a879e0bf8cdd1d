import { describe, expect, test } from "vitest"
import { MAX_KEPT_BYTES, MAX_KEPT_TEXT, toAttemptRow } from "./attempt-row.ts"
import type { Verdict } from "./call.ts"
import { createSecretStore } from "./secrets.ts"

const identity = {
  tenant: "acme",
  transaction: "o1",
  task: "pay",
  generation: 2,
  operation: "do",
  attempt: 3,
} as const
const secrets = createSecretStore(() => "s3cret-value")
secrets.read("any")

const rowOf = (verdict: Verdict) =>
  toAttemptRow({ identity, verdict, outcome: "unknown", startedAt: 10, endedAt: 20 }, secrets)

describe("toAttemptRow()", () => {
  test("tells who called, what came of it and what was seen", () => {
    const row = rowOf({
      class: "unknown",
      code: "HTTP_503",
      message: "answered 503",
      evidence: {
        request: { url: "/x" },
        response: { status: 503 },
        peer: "127.0.0.1:80",
        bytesSent: 5,
        bytesReceived: 7,
      },
    })
    expect(row).toEqual({
      tenant: "acme",
      transaction_id: "o1",
      task: "pay",
      generation: 2,
      operation: "do",
      attempt: 3,
      class: "unknown",
      outcome: "unknown",
      code: "HTTP_503",
      message: "answered 503",
      request: { url: "/x" },
      response: { status: 503 },
      peer: "127.0.0.1:80",
      bytes_sent: 5,
      bytes_received: 7,
      started_at: 10,
      ended_at: 20,
    })
  })

  test("is null where nothing was seen", () => {
    expect(rowOf({ class: "done", output: 1, evidence: {} })).toMatchObject({
      code: null,
      message: null,
      request: null,
      response: null,
      peer: null,
      bytes_sent: null,
    })
  })

  test("writes an ongoing attempt as unknown", () => {
    expect(rowOf({ class: "ongoing", code: "HTTP_409", message: "busy", evidence: {} }).class).toBe("unknown")
  })

  test("holds no secret, not even the head of one at the place where it was cut", () => {
    const text = "x".repeat(MAX_KEPT_TEXT - 4) + "s3cret-value"
    const row = rowOf({
      class: "refused",
      code: "c",
      message: "told s3cret-value",
      evidence: { request: { headers: { authorization: "Bearer s3cret-value" }, body: text } },
    })
    expect(JSON.stringify(row)).not.toContain("s3c")
    expect(JSON.stringify(row)).not.toContain("Bearer")
  })

  test("cuts what nests too deep, without a secret", () => {
    const body: unknown = JSON.parse(`${"[".repeat(200_000)}"s3cret-value"${"]".repeat(200_000)}`)
    const row = rowOf({ class: "done", output: 1, evidence: { response: { status: 200, body } } })
    expect(JSON.stringify(row.response)).toMatch(/^\{"status":200,"body":\[+"… \(nested deeper\)"\]+\}$/)
  })

  test("cuts long texts and large values", () => {
    const row = rowOf({ class: "done", output: 1, evidence: { response: { body: "ä".repeat(100_000) } } })
    expect(row.response).toEqual({ body: expect.stringMatching(/^ä{4096}… \(100000 characters\)$/) })
    const many = rowOf({ class: "done", output: 1, evidence: { response: Array(10_000).fill("abc") } })
    expect(many.response).toEqual({ cut: expect.any(String), bytes: 60_001 })
    expect(JSON.stringify(many.response).length).toBeLessThan(MAX_KEPT_BYTES)
  })
})
