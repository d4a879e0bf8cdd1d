import { describe, expect, test } from "vitest"
import { REDACTED } from "../contract/secret-names.ts"
import { createMask } from "./mask.ts"

const secret = `pä"ss/wörd+?&'<é`

function maskOf(...values: string[]) {
  const mask = createMask()
  for (const value of values) mask.learn(value)
  return mask
}

describe("createMask()", () => {
  test.each([
    ["ASCII-only JSON", String.raw`p\u00e4\"ss/w\u00f6rd+?&'<\u00e9`],
    ["ASCII-only JSON in capitals", String.raw`p\u00E4\"ss/w\u00F6rd+?&'<\u00E9`],
    ["JSON with escaped slashes", String.raw`pä\"ss\/wörd+?&'<é`],
    ["JSON as text inside of JSON", JSON.stringify(JSON.stringify(secret))],
    [
      "a URL with small hexadecimal",
      encodeURIComponent(secret).replaceAll(/%../g, (hex) => hex.toLowerCase()),
    ],
    ["a URL that escapes everything", encodeURIComponent(secret).replaceAll("'", "%27")],
    ["HTML", "pä&quot;ss/wörd+?&amp;&#39;&lt;é"],
    ["hexadecimal", Buffer.from(secret).toString("hex")],
  ])("finds a secret in %s", (_name, text) => {
    const clean = maskOf(secret).text(`before ${text} after`)
    expect(clean).toMatch(/^before "*\\*"*\[redacted\]\\*"* after$/)
  })

  test.each(["", "u", "us", "usr", "user:"])(
    "finds it in the base64 of a longer text that starts with %j",
    (user) => {
      for (const after of ["", "x", "xy", "xyz"]) {
        const whole = Buffer.from(user + secret + after)
        for (const encoding of ["base64", "base64url"] as const) {
          const clean = maskOf(secret).text(whole.toString(encoding))
          expect(clean).toContain(REDACTED)
          expect(Buffer.from(clean.replace(REDACTED, ""), encoding).length).toBeLessThan(
            user.length + after.length + 4,
          )
        }
      }
    },
  )

  test("takes a number that is a secret out, and leaves the others", () => {
    expect(maskOf("12345678").values({ pin: 12345678, amount: 12 })).toEqual({ pin: REDACTED, amount: 12 })
  })

  test("prefers the longer of two secrets, whichever was learnt first", () => {
    expect(maskOf("abcdef", "abcdefgh").text("abcdefgh")).toBe(REDACTED)
  })

  test("keeps members that are only named like secrets in values, not in valuesAndNames", () => {
    const reply = { token: "pay-1", amount: 5 }
    expect(maskOf(secret).values(reply)).toEqual(reply)
    expect(maskOf(secret).valuesAndNames(reply)).toEqual({ token: REDACTED, amount: 5 })
  })

  test("copies what nests deeper than calls can, and members that are named __proto__", () => {
    let deep: unknown = [secret]
    for (let depth = 0; depth < 100_000; depth++) deep = [deep]
    let found = maskOf(secret).values(deep)
    while (Array.isArray(found)) found = found[0]
    expect(found).toBe(REDACTED)
    const odd: unknown = JSON.parse(`{"__proto__": {"a": "${"x".repeat(3)}"}, "b": 1}`)
    expect(JSON.stringify(maskOf(secret).values(odd))).toBe(JSON.stringify(odd))
  })

  test("teaches the wider mask, and learns nothing from it", () => {
    const process = createMask()
    const [mine, theirs] = [createMask(process), createMask(process)]
    mine.learn("secret-of-mine")
    expect(process.text("secret-of-mine")).toBe(REDACTED)
    expect(theirs.text("secret-of-mine")).toBe("secret-of-mine")
  })
})
