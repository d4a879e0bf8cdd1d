import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { idempotencyKey } from "./idempotency-key.ts"

const identity = {
  tenant: "acme",
  transaction: "order-1",
  task: "pay",
  operation: "do",
  generation: 1,
} as const

describe("idempotencyKey()", () => {
  test("is hf_ and 40 characters of base32 of the hash of the five parts", () => {
    // Taken with: printf 'acme|order-1|pay|do|1' | openssl dgst -sha256 -binary | base32 | head -c 40
    expect(idempotencyKey(identity)).toBe("hf_YKA4B32EBWO2MBZNB7P5KIAK2NMNDA2F65CPXS7D")
  })

  test("is decoded by a standard base32 reading to the hash it came from", () => {
    const hash = createHash("sha256").update("acme|order-1|pay|do|1").digest()
    const key = idempotencyKey(identity).slice(3)
    let bits = ""
    for (const character of key)
      bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(character).toString(2).padStart(5, "0")
    const bytes = Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [])
    expect(bytes).toEqual(hash.subarray(0, 25))
  })

  test("differs by each of its parts", () => {
    const variants = [
      identity,
      { ...identity, tenant: "other" },
      { ...identity, transaction: "order-2" },
      { ...identity, task: "ship" },
      { ...identity, operation: "undo" as const },
      { ...identity, generation: 2 },
    ]
    expect(new Set(variants.map(idempotencyKey)).size).toBe(variants.length)
  })
})
