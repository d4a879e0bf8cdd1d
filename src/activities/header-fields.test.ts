import { describe, expect, test } from "vitest"
import { Misconfigured } from "./call.ts"
import { mergeHeaders } from "./header-fields.ts"
import { createSecretStore } from "./secrets.ts"

const secrets = createSecretStore((name) => ({ key: "s3cret-key", broken: "qwv\nxyz" })[name])

describe("mergeHeaders()", () => {
  test("lets later sources win, whatever the case of a name, and resolves secrets", () => {
    expect(
      mergeHeaders(secrets, { A: "1", b: 2 }, undefined, { a: "3", "X-Api-Key": { secret: "key" }, t: true }),
    ).toEqual({ a: "3", b: "2", "x-api-key": "s3cret-key", t: "true" })
  })

  test.each(["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "a\u2028b", "ключ", "\u010a", "\x7f"])(
    "refuses the value %j",
    (value) => {
      expect(() => mergeHeaders(secrets, { x: value })).toThrow(Misconfigured)
    },
  )

  test.each(["a b", "a:", "", "a\r\nb", "ä", "a\0"])("refuses the name %j", (name) => {
    expect(() => mergeHeaders(secrets, { [name]: "1" })).toThrow(Misconfigured)
  })

  test("refuses headers that frame the message", () => {
    for (const name of ["Host", "content-length", "Transfer-Encoding", "connection", "upgrade", "expect"])
      expect(() => mergeHeaders(secrets, { [name]: "1" }), name).toThrow(/set by the client/)
  })

  test("refuses objects, lists and null", () => {
    for (const value of [{}, [], null, undefined])
      expect(() => mergeHeaders(secrets, { x: value })).toThrow(Misconfigured)
  })

  test("does not tell the value of a secret that cannot be a header", () => {
    expect(() => mergeHeaders(secrets, { x: { secret: "broken" } })).toThrow(/^(?!.*(qwv|xyz)).*header x/s)
  })
})
