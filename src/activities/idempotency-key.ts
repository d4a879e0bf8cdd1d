/** Key and fingerprint of a call (design 4.2). */
import { createHash } from "node:crypto"
import type { CallIdentity } from "./identity.ts"

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
const KEY_CHARACTERS = 40

/**
 * `hf_` and the first 40 characters of base32 (RFC 4648) of
 * sha256(`tenant|transaction|task|operation|generation`). Run id, attempt and time are no part of it, so
 * that every attempt of one operation carries the same key, also from another run.
 */
export function idempotencyKey(identity: Omit<CallIdentity, "attempt">): string {
  const { tenant, transaction, task, operation, generation } = identity
  const hash = sha256([tenant, transaction, task, operation, generation].join("|"))
  return `hf_${toBase32(hash).slice(0, KEY_CHARACTERS)}`
}

/** sha256, in hex, of what is asked for. Object keys are sorted, so that their order does not matter. */
export function fingerprintOf(request: { kind: string; config: unknown; input: unknown }): string {
  return sha256(canonicalJson(request)).toString("hex")
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}

function toBase32(bytes: Buffer): string {
  let text = ""
  let value = 0
  let bits = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += BASE32.charAt((value >> bits) & 31)
    }
  }
  return bits > 0 ? text + BASE32.charAt((value << (5 - bits)) & 31) : text
}

/** Only what JSON keeps: members that are `undefined` count as absent. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`)
  return `{${members.join(",")}}`
}
