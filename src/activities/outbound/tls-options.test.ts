import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { CERTIFICATE } from "../../connection/certificate.testsuite.ts"
import { secretsOf } from "../calls.testsuite.ts"
import { openssl } from "./certificates.testsuite.ts"
import { readTlsMaterial, toTlsOptions } from "./tls-options.ts"

describe("toTlsOptions()", () => {
  test("always verifies, from TLS 1.2 on, and names no address", () => {
    const options = { rejectUnauthorized: true, minVersion: "TLSv1.2" }
    expect(toTlsOptions({ host: "h.test" }, secretsOf())).toMatchObject({ ...options, servername: "h.test" })
    expect(toTlsOptions({ host: "h.test", server_name: "i.test" }, secretsOf()).servername).toBe("i.test")
    for (const settings of [{ host: "10.0.0.1" }, { host: "h.test", server_name: "::1" }])
      expect(toTlsOptions(settings, secretsOf())).not.toHaveProperty("servername")
  })

  test("checks the name that is meant, whatever the library takes for the host", () => {
    // Only the names of a certificate are looked at.
    const certificate = { subject: {}, subjectaltname: "DNS:inner.test" } as never
    const { checkServerIdentity } = toTlsOptions({ host: "h", server_name: "inner.test" }, secretsOf())
    expect(checkServerIdentity("elsewhere.test", certificate)).toBeUndefined()
    const other = toTlsOptions({ host: "other.test" }, secretsOf())
    expect(other.checkServerIdentity("inner.test", certificate)).toMatchObject({
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    })
  })

  test.each([
    [{ ca: "none" }, "tls_certificate_invalid", /the connection's ca holds no certificate/],
    [
      { cert: "none", key_secret: "key" },
      "tls_certificate_invalid",
      /the connection's cert holds no certificate/,
    ],
    [{ cert: CERTIFICATE, key_secret: "key" }, "tls_key_invalid", /^the secret "key" holds no private key/],
    [{ cert: CERTIFICATE, key_secret: "absent" }, "secret_missing", /"absent"/],
  ])("says what is wrong before anything is dialled (case %#)", (settings, code, reason) => {
    const secrets = secretsOf({ key: "planted" })
    for (const make of [toTlsOptions, readTlsMaterial]) {
      const thrown = catchError(() => make({ host: "h", ...settings }, secrets))
      expect(thrown).toMatchObject({ name: "Misconfigured", code, message: expect.stringMatching(reason) })
      expect(thrown?.message).not.toContain("planted")
    }
  })

  test.skipIf(openssl === undefined)("says that OpenSSL takes a certificate for too weak", () => {
    const directory = mkdtempSync(path.join(tmpdir(), "holdfast-weak-"))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const [key, cert] = [path.join(directory, "key.pem"), path.join(directory, "cert.pem")]
    const command = `req -x509 -newkey rsa:512 -nodes -days 2 -subj /CN=weak -keyout ${key} -out ${cert}`
    execFileSync(openssl ?? "openssl", command.split(" "), { stdio: "pipe" })
    const settings = { host: "h", cert: readFileSync(cert, "utf8"), key_secret: "key" }
    const secrets = secretsOf({ key: readFileSync(key, "utf8") })
    for (const make of [toTlsOptions, readTlsMaterial])
      expect(catchError(() => make(settings, secrets))).toMatchObject({
        name: "Misconfigured",
        code: "tls_certificate_invalid",
        message: expect.stringMatching(/key too small/),
      })
  })
})

function catchError(work: () => unknown): Error | undefined {
  try {
    work()
    return undefined
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown))
  }
}
