/** What an error of a socket or of its HTTP client proves about a request (transactions reference, 6.2). */
import { Misconfigured } from "../call.ts"

/** Node's names for a certificate that is not trusted. A deploy mistake: no repeat would help. */
const CERTIFICATE =
  /^(?:ERR_TLS_CERT_.*|CERT_.*|.*SELF_SIGNED_CERT.*|UNABLE_TO_(?:GET|VERIFY|DECRYPT|DECODE)_.*|ERROR_IN_CERT_.*|INVALID_(?:CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED)$/

/** The server's alert that our certificate is missing or not taken. It ends the handshake: nothing of ours was read. */
const CERTIFICATE_ALERT = /^ERR_SSL_(?:[A-Z0-9]+_)?ALERT_(?:\w*CERTIFICATE\w*|UNKNOWN_CA)$/

export interface TransportFinding {
  class: "not_executed" | "unknown" | "misconfigured"
  code: string
}

/**
 * The proof is the phase, not the code: a reset that comes before a connection existed sent nothing, and a host
 * that becomes unreachable after the request was written may have executed it.
 *
 * @param sent whether a byte of the request may have left.
 */
export function classifyTransport(error: Error, sent: boolean): TransportFinding {
  const code = codeOf(error)
  if (isCertificateAlert(code)) return { class: "misconfigured", code }
  if (sent) return { class: "unknown", code }
  if (error instanceof Misconfigured || isCertificateCode(code)) return { class: "misconfigured", code }
  return { class: "not_executed", code }
}

export function isCertificateAlert(code: string): boolean {
  return CERTIFICATE_ALERT.test(code)
}

export function isCertificateCode(code: string): boolean {
  return CERTIFICATE.test(code)
}

/** The error's own code, else that of its cause, else its name. */
export function codeOf(error: Error): string {
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if ("code" in at && typeof at.code === "string" && at.code !== "") return at.code
  return error.name
}
