import { describe, expect, test } from "vitest"
import { identityHeaders, keyHeaders } from "./identity-headers.ts"

const identity = {
  tenant: "acme",
  transaction: "订单 7%\n",
  task: "pay",
  operation: "do",
  generation: 2,
  attempt: 4,
} as const

const caller = { identity, key: "hf_X", fingerprint: "f0" }

describe("identityHeaders()", () => {
  test("percent-encodes what a header cannot hold, so that it can be read back", () => {
    const headers = { ...identityHeaders(caller), ...keyHeaders(caller) }
    expect(headers["x-holdfast-transaction"]).toBe("%E8%AE%A2%E5%8D%95 7%25%0A")
    expect(decodeURIComponent(headers["x-holdfast-transaction"] ?? "")).toBe(identity.transaction)
    expect(headers).toMatchObject({
      "idempotency-key": "hf_X",
      "x-holdfast-tenant": "acme",
      "x-holdfast-task": "pay",
      "x-holdfast-operation": "do",
      "x-holdfast-generation": "2",
      "x-holdfast-fingerprint": "f0",
    })
  })

  test("keeps the trace of a transaction and makes a new span for each attempt", () => {
    const parts = () => identityHeaders(caller)["traceparent"]?.split("-") ?? []
    const [one, two] = [parts(), parts()]
    expect(one.join("-")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    expect(one[1]).toBe(two[1])
    expect(one[2]).not.toBe(two[2])
  })
})

describe("keyHeaders()", () => {
  test("quotes the key for the draft's profile alone, and a probe has none", () => {
    expect(keyHeaders(caller)).toEqual({ "idempotency-key": "hf_X" })
    expect(keyHeaders(caller, "ietf-idempotency")).toEqual({ "idempotency-key": '"hf_X"' })
    expect(keyHeaders({ ...caller, identity: { ...identity, operation: "probe" } })).toEqual({})
  })
})
