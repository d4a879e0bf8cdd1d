/**
 * API keys as callers hold them: `hf_<id>_<secret>_<crc32>`. The check sum lets scanners and the server reject
 * junk without asking the database; only the sha256 of the secret is stored. The secret has 256 random bits, so
 * a slow hash would add nothing.
 */
import { createHash, randomInt } from "node:crypto"
import { crc32 } from "node:zlib"

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const ID_LENGTH = 8
/** 62^43 is a little more than 2^256. */
const SECRET_LENGTH = 43
const PATTERN = /^hf_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})_([0-9a-f]{8})$/

export interface ApiKeyToken {
  id: string
  secretHash: Buffer
}

export function createApiKeyToken(): ApiKeyToken & { token: string } {
  const id = randomText(ID_LENGTH)
  const secret = randomText(SECRET_LENGTH)
  return { id, secretHash: hash(secret), token: `hf_${id}_${secret}_${checksum(id, secret)}` }
}

/** `undefined` for anything that cannot be one of ours. */
export function parseApiKeyToken(token: string): ApiKeyToken | undefined {
  const [, id, secret, sum] = PATTERN.exec(token) ?? []
  if (id === undefined || secret === undefined || sum !== checksum(id, secret)) return undefined
  return { id, secretHash: hash(secret) }
}

function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join("")
}

function checksum(id: string, secret: string): string {
  return crc32(`hf_${id}_${secret}`).toString(16).padStart(8, "0")
}

function hash(secret: string): Buffer {
  return createHash("sha256").update(secret).digest()
}
