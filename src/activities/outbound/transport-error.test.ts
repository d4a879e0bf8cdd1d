import { describe, expect, test } from "vitest"
import { classifyTransport, codeOf } from "./transport-error.ts"
import { AddressBlocked } from "./guard.ts"

const errorOf = (code: string) => Object.assign(new Error("text that must not matter: refused"), { code })

describe("classifyTransport()", () => {
  test.each([
    "ECONNREFUSED",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "UND_ERR_CONNECT_TIMEOUT",
    "EPROTO",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "ECONNRESET",
    "anything",
  ])("%s before anything was sent is not_executed", (code) => {
    expect(classifyTransport(errorOf(code), false)).toEqual({ class: "not_executed", code })
  })

  test.each([
    "UND_ERR_SOCKET",
    "ECONNRESET",
    "EPIPE",
    "UND_ERR_HEADERS_TIMEOUT",
    "UND_ERR_BODY_TIMEOUT",
    "attempt_timeout",
    "attempt_cancelled",
    "EHOSTUNREACH",
    "anything",
  ])("%s after it was sent is unknown", (code) => {
    expect(classifyTransport(errorOf(code), true)).toEqual({ class: "unknown", code })
  })

  test.each([
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "HOSTNAME_MISMATCH",
  ])("the certificate error %s is misconfigured", (code) => {
    expect(classifyTransport(errorOf(code), false)).toEqual({ class: "misconfigured", code })
  })

  test.each([
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
    "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    "ERR_SSL_TLS_ALERT_UNKNOWN_CA",
  ])("%s, the server's word on our certificate, is misconfigured, whatever was written", (code) => {
    for (const sent of [false, true])
      expect(classifyTransport(errorOf(code), sent)).toEqual({ class: "misconfigured", code })
  })

  test.each(["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"])(
    "%s, which says nothing of a certificate, is not_executed",
    (code) => {
      expect(classifyTransport(errorOf(code), false)).toEqual({ class: "not_executed", code })
      expect(classifyTransport(errorOf(code), true)).toEqual({ class: "unknown", code })
    },
  )

  test("a guarded address is misconfigured", () => {
    expect(classifyTransport(new AddressBlocked("no"), false)).toEqual({
      class: "misconfigured",
      code: "address_blocked",
    })
  })
})

describe("codeOf()", () => {
  test("looks through causes, and falls back to the name", () => {
    expect(codeOf(new Error("outer", { cause: errorOf("ECONNRESET") }))).toBe("ECONNRESET")
    expect(codeOf(new TypeError("none"))).toBe("TypeError")
    expect(codeOf(Object.assign(new Error("number"), { code: 7 }))).toBe("Error")
  })
})
