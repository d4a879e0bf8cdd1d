import { describe, expect, test } from "vitest"
import { Misconfigured } from "./call.ts"
import { isSecretName, REDACTED } from "../contract/secret-names.ts"
import { createSecretStore } from "./secrets.ts"

const secret = 'sp"ace +&key/ü?>?>'
const base64 = Buffer.from(secret).toString("base64")
const store = () => {
  const secrets = createSecretStore((name) => ({ shipping: secret, short: "abc" })[name])
  secrets.read("shipping")
  secrets.read("short")
  return secrets
}

describe("createSecretStore()", () => {
  test("names a missing secret", () => {
    expect(() => store().read("nowhere")).toThrow(Misconfigured)
    expect(() => store().read("nowhere")).toThrow(/"nowhere"/)
  })

  test("resolves a literal to itself and a reference to its value", () => {
    expect(store().resolve("plain")).toBe("plain")
    expect(store().resolve({ secret: "shipping" })).toBe(secret)
  })

  test.each([
    ["plain", secret],
    ["in JSON text", JSON.stringify({ a: secret })],
    ["in a URL", encodeURIComponent(secret)],
    ["in a form", new URLSearchParams({ v: secret }).toString()],
    ["in base64", base64],
    ["in base64url", Buffer.from(secret).toString("base64url")],
  ])("removes a secret value %s", (_name, text) => {
    const clean = store().redactText(`before ${text} after`)
    expect(clean).toContain(REDACTED)
    expect(clean).toMatch(/^before .* after$/)
    for (const part of ["ace", "key/", base64.slice(0, 8)]) expect(clean).not.toContain(part)
  })

  test("is tried with a secret whose two base64 spellings differ", () => {
    expect(base64).toMatch(/[+/]/)
  })

  test("goes through objects and lists, names included, and leaves the rest as it is", () => {
    const value = { a: [`x${secret}`, 7, null, true], [`k${secret}`]: { b: undefined, c: "abc" } }
    expect(store().redact(value)).toEqual({
      a: [`x${REDACTED}`, 7, null, true],
      [`k${REDACTED}`]: { b: undefined, c: "abc" },
    })
  })

  test("removes members by name, known value or not", () => {
    expect(
      store().redact({ Authorization: "Bearer of anything", "set-cookie": ["a=1", "b=2"], sku: "A-1" }),
    ).toEqual({
      Authorization: REDACTED,
      "set-cookie": REDACTED,
      sku: "A-1",
    })
  })

  test("keeps a value that was never read", () => {
    const secrets = createSecretStore(() => "never-read-value")
    expect(secrets.redactText("never-read-value")).toBe("never-read-value")
  })
})

describe("isSecretName()", () => {
  test("knows what usually carries credentials", () => {
    for (const name of [
      "authorization",
      "Proxy-Authorization",
      "cookie",
      "x-api-key",
      "apikey",
      "X-Auth-Token",
      "password",
    ])
      expect(isSecretName(name), name).toBe(true)
    for (const name of ["idempotency-key", "key", "x-holdfast-task", "content-type", "order_id"])
      expect(isSecretName(name), name).toBe(false)
  })
})
