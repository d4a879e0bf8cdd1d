/** The keys that wrap the data keys of secrets. They come from the environment or a file, never from the database. */
import { createHash } from "node:crypto"

const KEY_BYTES = 32

export interface MasterKey {
  /** A fingerprint, stored beside what the key wrapped. */
  id: string
  bytes: Buffer
}

export interface MasterKeys {
  /** Wraps what is stored from now on. */
  current: MasterKey
  find(id: string): MasterKey | undefined
  ids: string[]
}

/**
 * One key, or several divided by commas or white space: the first one writes, all of them read.
 * @throws Error that repeats no part of a key.
 */
export function parseMasterKeys(text: string): MasterKeys {
  const keys = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(parseKey)
  const current = keys[0]
  if (current === undefined) throw new Error(`no master key is given: ${EXPECTED}`)
  return { current, find: (id) => keys.find((key) => key.id === id), ids: keys.map(({ id }) => id) }
}

const EXPECTED = `expected ${KEY_BYTES} random bytes in base64, such as openssl rand -base64 ${KEY_BYTES} prints`

function parseKey(text: string, position: number): MasterKey {
  const bytes = Buffer.from(text, "base64")
  // Decoding skips what is no base64; encoding again shows it.
  const isBase64 = bytes.toString("base64").replace(/=+$/, "") === text.replace(/=+$/, "")
  if (!isBase64 || bytes.length !== KEY_BYTES)
    throw new Error(`master key ${position + 1} cannot be used (${text.length} characters): ${EXPECTED}`)
  if (new Set(bytes).size < 8) throw new Error(`master key ${position + 1} is not random: ${EXPECTED}`)
  const id = createHash("sha256").update("holdfast master key\0").update(bytes).digest("hex").slice(0, 16)
  return { id, bytes }
}
