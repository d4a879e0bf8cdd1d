import { describe, expect, test } from "vitest"
import { canonicalJson, fingerprintOf } from "./fingerprint.ts"

describe("fingerprintOf()", () => {
  test("does not depend on the order of members, and does on everything else", () => {
    const request = {
      kind: "db",
      config: { sql: "select 1", args: [1, 2] },
      input: { b: 1, a: [{ y: 1, x: 2 }] },
    }
    const shuffled = {
      input: { a: [{ x: 2, y: 1 }], b: 1 },
      config: { args: [1, 2], sql: "select 1" },
      kind: "db",
    }
    expect(fingerprintOf(shuffled)).toBe(fingerprintOf(request))
    expect(fingerprintOf({ ...request, config: { sql: "select 1", args: [2, 1] } })).not.toBe(
      fingerprintOf(request),
    )
    expect(fingerprintOf({ ...request, kind: "http" })).not.toBe(fingerprintOf(request))
  })
})

describe("canonicalJson()", () => {
  test("writes what JSON keeps", () => {
    expect(canonicalJson({ b: undefined, a: [undefined, null, "x"], "0": 1.5 })).toBe(
      '{"0":1.5,"a":[null,null,"x"]}',
    )
    expect(canonicalJson(undefined)).toBe("null")
  })
})
