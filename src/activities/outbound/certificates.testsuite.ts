/** An authority made for one test, and certificates under it. Needs `openssl`. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { findOptionalServer } from "../../../test/helpers/optional-server.ts"

/** Where it is missing the tests are skipped. */
export const openssl = findOptionalServer("openssl")

export interface Certificate {
  cert: string
  key: string
}

export interface Authority extends Certificate {
  /** `names` as `subjectAltName` has them, such as `DNS:localhost,IP:127.0.0.1`. */
  issue(options: { names: string; commonName?: string; validity?: "expired" }): Certificate
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

export function createAuthority(commonName = "authority"): Authority {
  const own = inDirectory((at) => {
    run([
      "req",
      "-x509",
      ...KEY,
      "-days",
      "2",
      "-subj",
      `/CN=${commonName}`,
      "-keyout",
      at("key.pem"),
      "-out",
      at("cert.pem"),
    ])
    return readPair(at)
  })
  return {
    ...own,
    issue: ({ names, commonName: name = "test", validity }) =>
      inDirectory((at) => {
        writeFileSync(at("ca.pem"), own.cert)
        writeFileSync(at("ca-key.pem"), own.key)
        writeFileSync(at("extensions"), `subjectAltName=${names}\n`)
        run(["req", ...KEY, "-subj", `/CN=${name}`, "-keyout", at("key.pem"), "-out", at("request.pem")])
        run([
          "x509",
          "-req",
          "-in",
          at("request.pem"),
          "-CA",
          at("ca.pem"),
          "-CAkey",
          at("ca-key.pem"),
          "-set_serial",
          "2",
          "-days",
          validity === "expired" ? "-1" : "2",
          "-extfile",
          at("extensions"),
          "-out",
          at("cert.pem"),
        ])
        return readPair(at)
      }),
  }
}

function inDirectory<T>(work: (at: (name: string) => string) => T): T {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-certificates-"))
  try {
    return work((name) => path.join(directory, name))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function readPair(at: (name: string) => string): Certificate {
  return { cert: readFileSync(at("cert.pem"), "utf8"), key: readFileSync(at("key.pem"), "utf8") }
}

function run(args: string[]): void {
  execFileSync(openssl ?? "openssl", args, { stdio: "pipe" })
}
