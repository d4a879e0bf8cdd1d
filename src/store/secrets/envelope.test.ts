import { randomBytes } from "node:crypto"
import { describe, expect, test } from "vitest"
import { openSecret, sealSecret, SecretUnreadable } from "./envelope.ts"
import { parseMasterKeys } from "./master-keys.ts"

const text = () => randomBytes(32).toString("base64")
const first = text()
const keys = parseMasterKeys(first)
const place = { tenant: "acme", name: "shipping_key", version: "7" }
const value = 'sp"ace ü\n?>'

describe("openSecret()", () => {
  test("gives back what was sealed, and no two seals are alike", () => {
    const sealed = sealSecret(keys, place, value)
    expect(openSecret(keys, place, sealed)).toBe(value)
    const again = sealSecret(keys, place, value)
    expect(Buffer.from(again.ciphertext).equals(sealed.ciphertext)).toBe(false)
    expect(Buffer.from(sealed.ciphertext).includes(value)).toBe(false)
  })

  test.each([
    ["tenant", { ...place, tenant: "other" }],
    ["name", { ...place, name: "other" }],
    ["version", { ...place, version: "8" }],
  ])("refuses a row that was moved to another %s", (_what, elsewhere) => {
    const sealed = sealSecret(keys, place, value)
    expect(() => openSecret(keys, elsewhere, sealed)).toThrow(SecretUnreadable)
  })

  test.each(["wrapped_key", "ciphertext"] as const)("refuses a changed byte of %s", (field) => {
    const sealed = sealSecret(keys, place, value)
    for (const at of [0, 13, sealed[field].length - 1]) {
      const bytes = Buffer.from(sealed[field])
      bytes[at] = (bytes[at] ?? 0) ^ 1
      expect(() => openSecret(keys, place, { ...sealed, [field]: bytes })).toThrow(/damaged/)
    }
  })

  test("names the key that is missing, never a value", () => {
    const sealed = sealSecret(keys, place, value)
    const other = parseMasterKeys(text())
    expect(() => openSecret(other, place, sealed)).toThrow(
      new RegExp(`"shipping_key" was stored under master key ${keys.current.id} .*${other.current.id}`),
    )
    expect(() => openSecret(undefined, place, sealed)).toThrow(/has no master key/)
  })

  test("a wrong key under the right id gives an error, never a wrong value", () => {
    const sealed = sealSecret(keys, place, value)
    const forged = parseMasterKeys(text())
    const lying = { ...forged, find: () => forged.current }
    expect(() => openSecret(lying, place, sealed)).toThrow(SecretUnreadable)
  })

  test("reads with every key that is given and writes with the first", () => {
    const sealed = sealSecret(keys, place, value)
    const rotated = parseMasterKeys(`${text()},\n ${first}`)
    expect(openSecret(rotated, place, sealed)).toBe(value)
    expect(sealSecret(rotated, place, value).key_id).not.toBe(sealed.key_id)
  })
})

describe("parseMasterKeys()", () => {
  test.each([
    ["nothing", " "],
    ["too few bytes", randomBytes(31).toString("base64")],
    ["no base64", "!".repeat(44)],
    ["a key anybody would guess", Buffer.alloc(32).toString("base64")],
  ])("refuses %s, and repeats nothing of it", (_what, given) => {
    expect(() => parseMasterKeys(given)).toThrow(/openssl rand -base64 32/)
    if (given.trim() !== "") expect(() => parseMasterKeys(given)).not.toThrow(given)
  })
})
