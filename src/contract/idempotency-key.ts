/** The key under which a target takes a call for a repeat (design 4.2). The engine knows it too: `task.key`. */
import type { Operation } from "./names.ts"
import { sha256 } from "@noble/hashes/sha2.js"
import { utf8ToBytes } from "@noble/hashes/utils.js"

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
const KEY_CHARACTERS = 40

export interface KeyParts {
  tenant: string
  /** The caller's `instance_id`. */
  transaction: string
  /** Task path. */
  task: string
  generation: number
  operation: Operation
}

/**
 * `hf_` and the first 40 characters of base32 (RFC 4648) of
 * sha256(`tenant|transaction|task|operation|generation`). Run id, attempt and time are no part of it, so
 * that every attempt of one operation carries the same key, also from another run.
 */
export function idempotencyKey({ tenant, transaction, task, operation, generation }: KeyParts): string {
  const hash = sha256(utf8ToBytes([tenant, transaction, task, operation, generation].join("|")))
  return `hf_${toBase32(hash).slice(0, KEY_CHARACTERS)}`
}

function toBase32(bytes: Uint8Array): string {
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
