import { generateKeyPairSync } from "node:crypto"
import { describe, expect, test } from "vitest"
import { CERTIFICATE } from "./certificate.testsuite.ts"
import { parseCertificates, parsePrivateKey } from "./certificates.ts"

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" })
const key = privateKey.export({ format: "pem", type: "pkcs8" }).toString()

describe("parseCertificates()", () => {
  test("reads all certificates of a text, whatever stands between them", () => {
    const read = parseCertificates(
      `# first\r\n${CERTIFICATE}\n# second\n${CERTIFICATE.replaceAll("\n", "\r\n")}`,
    )
    expect(read.map(({ subject }) => subject)).toEqual(Array(2).fill("CN=authority of the tests"))
  })

  test.each([
    ["nothing", "", /holds no certificate: expected PEM text/],
    ["a file's name", "/etc/ssl/ca.pem", /holds no certificate/],
    ["a certificate that was cut", CERTIFICATE.slice(0, 100), /holds no certificate/],
    ["bytes that are none", CERTIFICATE.replace("MII", "AAA"), /its certificate 1 cannot be read/],
    [
      "a second one that is none",
      CERTIFICATE + CERTIFICATE.replace("MII", "AAA"),
      /its certificate 2 cannot/,
    ],
  ])("says what is wrong with %s", (_what, pem, reason) => {
    expect(() => parseCertificates(pem)).toThrow(reason)
  })

  test.each(["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])(
    "refuses a text with a %s, which belongs into a secret",
    (label) => {
      const pem = `${CERTIFICATE}-----BEGIN ${label}-----\nMHc=\n-----END ${label}-----\n`
      expect(() => parseCertificates(pem)).toThrow(/holds a private key: .* key_secret/)
    },
  )
})

describe("parsePrivateKey()", () => {
  test("reads PKCS8 and its elders", () => {
    const sec1 = privateKey.export({ format: "pem", type: "sec1" }).toString()
    for (const pem of [key, sec1]) expect(parsePrivateKey(pem).type).toBe("private")
  })

  test("wants no passphrase, and repeats nothing of the text", () => {
    const cipher = { cipher: "aes-256-cbc", passphrase: "s3cret" }
    const pkcs8 = privateKey.export({ format: "pem", type: "pkcs8", ...cipher }).toString()
    const sec1 = privateKey.export({ format: "pem", type: "sec1", ...cipher }).toString()
    for (const pem of [pkcs8, sec1]) expect(() => parsePrivateKey(pem)).toThrow(/under a passphrase/)
    for (const pem of ["", "planted", CERTIFICATE, key.slice(0, 90)])
      expect(() => parsePrivateKey(pem)).toThrow(
        /^holds no private key: expected PEM text, [-A-Z ]+ and so on$/,
      )
  })
})
