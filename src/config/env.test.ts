import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { parseSettings, printSettings } from "./env.ts"
import { ConfigError } from "./problems.ts"

const byName = (a: string, b: string): number => a.localeCompare(b)

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    parseSettings(environment)
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems
    throw thrown
  }
  return []
}

function writeTemporary(content: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-env-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, "value")
  writeFileSync(file, content)
  return file
}

describe("parseSettings()", () => {
  test("has defaults for everything", () => {
    expect(parseSettings({})).toEqual({
      httpHost: "127.0.0.1",
      stateDir: ".holdfast",
      logLevel: "info",
    })
  })

  test("takes an empty variable for an absent one", () => {
    expect(parseSettings({ HTTP_PORT: "", DATABASE_URL: "" })).toEqual(parseSettings({}))
  })

  test("lists every problem at once", () => {
    const problems = problemsOf({
      HTTP_PORT: "http",
      LOG_LEVEL: "loud",
      HOLDFAST_AUTH: "none",
      HOLDFAST_CONECTIONS: "x.json",
      DATABASE_URL: "postgres://db/x",
      DATABASE_URL_FILE: "/nowhere",
    })
    expect(problems.map((problem) => problem.split(":")[0] ?? "").toSorted(byName)).toEqual([
      "DATABASE_URL",
      "DATABASE_URL_FILE",
      "HOLDFAST_AUTH",
      "HOLDFAST_CONECTIONS",
      "HTTP_PORT",
      "LOG_LEVEL",
    ])
  })

  test("reads a secret from a file", () => {
    const file = writeTemporary("postgres://app:word@db/x\n")
    expect(parseSettings({ DATABASE_URL_FILE: file }).databaseUrl).toBe("postgres://app:word@db/x")
  })

  test("leaves variables of others alone", () => {
    expect(problemsOf({ HOLDFAST_SOAK: "full", TEMPORAL_ADDRESS: "x:1", PATH: "/bin" })).toEqual([])
  })
})

describe("printSettings()", () => {
  test.each([
    ["postgres://app:planted@db/x", "postgres://app:***@db/x"],
    ["postgres://app:planted:p@nted@db/x", "postgres://app:***@db/x"],
    ["host=db password=planted dbname=x", "host=db password=*** dbname=x"],
    [String.raw`password='a \' planted' host=db`, "password=*** host=db"],
    ["postgres://db/x?password=planted", "postgres://db/x?password=***"],
  ])("shows no secret of %s", (url, shown) => {
    const text = printSettings(parseSettings({ DATABASE_URL: url, HOLDFAST_API_KEY: "planted" }))
    expect(text).not.toContain("planted")
    expect(text).toContain(shown)
  })
})
