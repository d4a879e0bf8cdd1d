import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { parseSettings, printSettings } from "./env.ts"
import { ConfigError } from "./problems.ts"

const byName = (a: string, b: string): number => a.localeCompare(b)

function problemsOf(
  environment: Record<string, string>,
  flags: Record<string, string> = {},
): readonly string[] {
  try {
    parseSettings(environment, flags)
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems
    throw thrown
  }
  return []
}

function writeTemporary(content: string, name = "value"): string {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-env-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, name)
  writeFileSync(file, content)
  return file
}

describe("parseSettings()", () => {
  test("has defaults for everything", () => {
    expect(parseSettings({})).toEqual({
      roles: ["api", "flow-worker", "task-worker", "sweeper"],
      httpHost: "127.0.0.1",
      databasePoolSize: 10,
      databaseIdleMs: 10_000,
      databaseLifetimeMs: 1_800_000,
      retention: "off",
      eventRetention: 30 * 86_400_000,
      queueNames: ["holdfast"],
      workerConcurrency: 2_000,
      retryMaxAttempts: 5,
      retryIntervalMs: 1_000,
      retryBackoff: 2,
      retryMaxIntervalMs: 60_000,
      stateDir: ".holdfast",
      logLevel: "info",
      logFormat: "json",
      logOutput: "stdout",
    })
  })

  test("takes a retention of a day or more, or off", () => {
    expect(parseSettings({ HOLDFAST_RETENTION: "90d" }).retention).toBe(7_776_000_000)
    expect(parseSettings({ HOLDFAST_RETENTION: "off" }).retention).toBe("off")
    for (const wrong of ["90s", "0d", "never"])
      expect(problemsOf({ HOLDFAST_RETENTION: wrong })).toEqual([expect.stringContaining("expected off, or")])
  })

  test("takes address ranges between commas, and refuses what is none", () => {
    expect(parseSettings({ HOLDFAST_ALLOWED_RANGES: "10.20.0.0/16, fd12::/48" }).allowedRanges).toEqual([
      "10.20.0.0/16",
      "fd12::/48",
    ])
    for (const wrong of ["10.20.0.0", "10.20.0.0/33", "payment.internal"])
      expect(problemsOf({ HOLDFAST_ALLOWED_RANGES: wrong })).toEqual([expect.stringContaining("CIDR")])
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

describe("parseSettings() with a settings file", () => {
  const TOML = 'http_port = 9001\nlog_level = "warn"\nrole = ["api", "sweeper"]\nretry_interval = "2s"\n'

  test.each([
    ["TOML", TOML, "holdfast.toml"],
    ["YAML", "http_port: 9001\nlog_level: warn\nrole: [sweeper, api]\nretry_interval: 2s\n", "holdfast.yml"],
  ])("reads %s", (_format, content, name) => {
    expect(parseSettings({ CONFIG_PATH: writeTemporary(content, name) })).toMatchObject({
      httpPort: 9001,
      logLevel: "warn",
      roles: ["api", "sweeper"],
      retryIntervalMs: 2_000,
    })
  })

  test("comes after the environment, which comes after the flags", () => {
    const file = writeTemporary(TOML, "holdfast.toml")
    const settings = parseSettings(
      { HTTP_PORT: "9002", LOG_LEVEL: "error" },
      { CONFIG_PATH: file, HTTP_PORT: "9003" },
    )
    expect(settings).toMatchObject({ httpPort: 9003, logLevel: "error", retryIntervalMs: 2_000 })
  })

  test("gives way to a secret from a file that the environment names", () => {
    const file = writeTemporary('database_url = "postgres://file/x"', "holdfast.toml")
    const secret = writeTemporary("postgres://secret/x\n")
    expect(parseSettings({ CONFIG_PATH: file, DATABASE_URL_FILE: secret }).databaseUrl).toBe(
      "postgres://secret/x",
    )
  })

  test("tells each problem at its place, with the nearest name", () => {
    const file = writeTemporary("http_prot = 1\nlog_level = true\nworker_concurrency = 0", "holdfast.toml")
    const flags = { CONFIG_PATH: file, HTTP_PORT: "x" }
    expect(problemsOf({ HOLDFAST_CONECTIONS: "x", RETRY_BACKOFF: "0.5" }, flags)).toEqual([
      "HOLDFAST_CONECTIONS: no such setting; did you mean HOLDFAST_CONNECTIONS?",
      `${file}: http_prot: no such setting; did you mean http_port?`,
      `${file}: log_level: expected text, a number or a list of texts`,
      '--port: expected a port number, 0 to 65535; got "x"',
      `${file}: worker_concurrency: expected a number of calls, 1 to 100000; got "0"`,
      'RETRY_BACKOFF: expected a factor, 1 to 100; got "0.5"',
    ])
  })

  test.each([
    ["holdfast.toml", 'api_key = "planted', "no TOML at line 1"],
    ["holdfast.yaml", 'a: 1\napi_key: "planted', "no YAML at line 2"],
    ["holdfast.yaml", "planted", "expected a line for each setting"],
    ["holdfast.yaml", "api_key: [[planted]]", "expected text"],
    ["holdfast.ini", "api_key = planted", "expected a file that ends in .toml"],
  ])("never repeats what stands in %s (%j)", (name, content, expected) => {
    const [problem = ""] = problemsOf({ CONFIG_PATH: writeTemporary(content, name) })
    expect(problem).toContain(expected)
    expect(problem).not.toContain("planted")
  })

  test("says that it is not there", () => {
    expect(problemsOf({}, { CONFIG_PATH: "/nowhere/x.toml" })).toEqual([expect.stringContaining("ENOENT")])
  })

  test("refuses settings that contradict each other", () => {
    expect(problemsOf({ RETRY_INTERVAL: "2m" })).toEqual([
      "RETRY_MAX_INTERVAL: 60000 ms is shorter than RETRY_INTERVAL, 120000 ms",
    ])
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
