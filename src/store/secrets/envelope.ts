/**
 * Envelope encryption: AES-256-GCM under a data key made for this one value, which is itself wrapped by the master
 * key. Tenant, name and version are associated data of both, so that a row moved to another place does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import type { MasterKeys } from "./master-keys.ts"

const ALGORITHM = "aes-256-gcm"
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface SecretPlace {
  tenant: string
  name: string
  version: string
}

export interface SealedSecret {
  key_id: string
  wrapped_key: Uint8Array
  ciphertext: Uint8Array
}

/** The value cannot be had with the keys of this process. The message names the secret, never a value. */
export class SecretUnreadable extends Error {
  override readonly name = "SecretUnreadable"
}

export function sealSecret(keys: MasterKeys, place: SecretPlace, value: string): SealedSecret {
  const dataKey = randomBytes(KEY_BYTES)
  return {
    key_id: keys.current.id,
    wrapped_key: encrypt(keys.current.bytes, dataKey, associate("key", place)),
    ciphertext: encrypt(dataKey, Buffer.from(value, "utf8"), associate("value", place)),
  }
}

/** @throws SecretUnreadable */
export function openSecret(keys: MasterKeys | undefined, place: SecretPlace, sealed: SealedSecret): string {
  const key = keys?.find(sealed.key_id)
  if (key === undefined) {
    const known = keys === undefined ? "this process has no master key" : `known here: ${keys.ids.join(", ")}`
    throw new SecretUnreadable(
      `the secret "${place.name}" was stored under master key ${sealed.key_id} (${known}): give that key in HOLDFAST_MASTER_KEY, after the current one where there are several, or set the secret again`,
    )
  }
  try {
    const dataKey = decrypt(key.bytes, sealed.wrapped_key, associate("key", place))
    return decrypt(dataKey, sealed.ciphertext, associate("value", place)).toString("utf8")
  } catch (cause) {
    throw new SecretUnreadable(
      `the stored secret "${place.name}" is damaged or was moved from another place: set it again`,
      { cause },
    )
  }
}

/** JSON, so that no two places share a text. */
function associate(part: "key" | "value", { tenant, name, version }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify(["holdfast secret", part, tenant, name, version]))
}

function encrypt(key: Buffer, plain: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(aad)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Buffer, sealed: Uint8Array, aad: Buffer): Buffer {
  const bytes = Buffer.from(sealed)
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(aad).setAuthTag(bytes.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
}
