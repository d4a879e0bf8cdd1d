/** Certificates and keys as PEM text, looked at before anything is dialled with them. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { toError } from "../contract/errors.ts"

/** Its message says what is wrong, in words that follow the field's name. */
export class PemInvalid extends Error {
  override readonly name = "PemInvalid"
}

const CERTIFICATES = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*-----/g
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

/** At least one, in the order of the text. Throws `PemInvalid`, also for a text that holds a private key. */
export function parseCertificates(pem: string): [X509Certificate, ...X509Certificate[]] {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem))
    throw new PemInvalid("holds a private key: store that as a secret, and name the secret in key_secret")
  const [first, ...others] = (pem.match(CERTIFICATES) ?? []).map((text, at) => {
    try {
      return new X509Certificate(text)
    } catch (thrown) {
      const which = `its certificate ${at + 1} cannot be read: ${toError(thrown).message}`
      throw new PemInvalid(`holds no usable certificates: ${which}`, { cause: thrown })
    }
  })
  if (first === undefined)
    throw new PemInvalid("holds no certificate: expected PEM text, -----BEGIN CERTIFICATE----- and so on")
  return [first, ...others]
}

/** Throws `PemInvalid`, which repeats nothing of the text. */
export function parsePrivateKey(pem: string): KeyObject {
  if (ENCRYPTED.test(pem))
    throw new PemInvalid("holds a key under a passphrase: store it without one, secrets are kept encrypted")
  try {
    return createPrivateKey(pem)
  } catch {
    // OpenSSL's reason says less than this.
    throw new PemInvalid("holds no private key: expected PEM text, -----BEGIN PRIVATE KEY----- and so on")
  }
}
