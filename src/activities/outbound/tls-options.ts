/**
 * The one place that turns a connection's TLS settings into Node's options, whichever library dials with them. The
 * server's chain and name are always verified, and nothing older than TLS 1.2 is spoken.
 */
import { isIP } from "node:net"
import { checkServerIdentity, createSecureContext, type SecureContext } from "node:tls"
import { parseCertificates, parsePrivateKey, PemInvalid } from "../../connection/certificates.ts"
import type { TlsSettings } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import { Misconfigured } from "../call.ts"
import type { SecretStore } from "../secrets.ts"

/** Whatever the environment says. */
export const TLS_FLOOR = { minVersion: "TLSv1.2", rejectUnauthorized: true } as const

type TlsFloor = typeof TLS_FLOOR

export interface TlsOptions extends TlsFloor {
  secureContext: SecureContext
  /** Of the name that is meant, whatever the library takes for the host. */
  checkServerIdentity: typeof checkServerIdentity
  /** Absent for an address: TLS knows names only (RFC 6066 §3). */
  servername?: string
}

/** As text. */
export interface TlsMaterial extends Pick<TlsFloor, "minVersion"> {
  ca?: string
  cert?: string
  key?: string
}

type Dialled = TlsSettings & { host: string }

/** Throws `Misconfigured`: `tls_certificate_invalid`, `tls_key_invalid`, `tls_key_mismatch`, `secret_missing`. */
export function toTlsOptions(settings: Dialled, secrets: SecretStore): TlsOptions {
  const name = serverNameOf(settings)
  return {
    ...TLS_FLOOR,
    secureContext: createContext(readTexts(settings, secrets)),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    ...(isIP(name) === 0 ? { servername: name } : {}),
  }
}

/** For a library that makes the context itself, which it then can. Throws as `toTlsOptions` does. */
export function readTlsMaterial(settings: TlsSettings, secrets: SecretStore): TlsMaterial {
  const material = readTexts(settings, secrets)
  createContext(material)
  return material
}

function readTexts({ ca, cert, key_secret }: TlsSettings, secrets: SecretStore): TlsMaterial {
  const { minVersion } = TLS_FLOOR
  if (ca !== undefined) read("tls_certificate_invalid", "the connection's ca", () => parseCertificates(ca))
  const trust = { minVersion, ...(ca === undefined ? {} : { ca }) }
  if (cert === undefined || key_secret === undefined) return trust
  const [own] = read("tls_certificate_invalid", "the connection's cert", () => parseCertificates(cert))
  const key = secrets.read(key_secret)
  const secret = `the secret "${key_secret}"`
  const parsed = read("tls_key_invalid", secret, () => parsePrivateKey(key))
  if (!own.checkPrivateKey(parsed))
    throw new Misconfigured(
      "tls_key_mismatch",
      `${secret} holds the key of another certificate than the connection's cert (${own.subject.replaceAll("\n", ", ")}): expected the one that it was issued for`,
    )
  return { ...trust, cert, key }
}

/** OpenSSL has a last word, such as on keys that are too short. */
function createContext(material: TlsMaterial): SecureContext {
  try {
    return createSecureContext(material)
  } catch (thrown) {
    const message = `the connection's certificates cannot be used: ${toError(thrown).message}`
    throw new Misconfigured("tls_certificate_invalid", message, { cause: thrown })
  }
}

/** What the server's certificate must be for. */
export function serverNameOf({ host, server_name }: Dialled): string {
  return server_name ?? host
}

/** Whether anything is said of TLS beside that it is on. */
export function hasTlsSettings({ ca, cert, key_secret, server_name }: TlsSettings): boolean {
  return [ca, cert, key_secret, server_name].some((field) => field !== undefined)
}

function read<T>(code: string, what: string, parse: () => T): T {
  try {
    return parse()
  } catch (thrown) {
    if (!(thrown instanceof PemInvalid)) throw thrown
    throw new Misconfigured(code, `${what} ${toError(thrown).message}`, { cause: thrown })
  }
}
