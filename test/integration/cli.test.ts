import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest"
import { listLiveChildren } from "../../src/local/child-records.ts"
import { openPostgresHome } from "../../src/local/postgres-home.ts"
import { createClient } from "../../src/sdk/client.ts"
import type { Transaction } from "../../src/sdk/shapes.ts"
import { runCli } from "../helpers/cli.ts"
import type { CliRun } from "../helpers/cli.ts"
import { createTestDatabase } from "../helpers/database.ts"
import type { TestDatabase } from "../helpers/database.ts"
import { findTemporalCli } from "../helpers/temporal-cli.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

/** Nobody listens on port 1 of loopback: the call is refused, and the one attempt fails the flow. */
const FAILING = {
  name: "cli_fails",
  tasks: [
    {
      id: "call",
      task_name: "http",
      config: { url: "http://127.0.0.1:1/", method: "GET" },
      retry: { strategy: "no_retry" },
    },
  ],
}

let cwd: string
let database: TestDatabase
let environment: Record<string, string>
let server: CliRun
beforeAll(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), "holdfast-cli-"))
  database = await createTestDatabase()
  const { address, namespace } = await testTemporal()
  environment = { DATABASE_URL: database.url, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace }
  server = runCli(["start", "--local"], { cwd, environment: { ...environment, HTTP_PORT: "0" } })
  await until(server.stderr, (said) => said.includes("Ctrl-C stops it"), { timeoutMs: 60_000 })
})
afterAll(async () => {
  server.child.kill("SIGTERM")
  await server.ended
  await database.drop()
  await rm(cwd, { recursive: true, force: true })
})

/** In the directory of the running server, so that it is found without being named. */
async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const run = runCli(args, { cwd })
  const code = await run.ended
  return { code, stdout: run.stdout(), stderr: run.stderr() }
}

describe("holdfast", () => {
  test("explains itself, with an example for each command", async () => {
    const { code, stdout } = await cli("--help")
    expect(code).toBe(0)
    for (const command of ["start", "demo", "run", "watch", "list", "exceptions", "key", "mirror", "doctor"])
      expect(stdout).toContain(`  ${command} `)
    expect((await cli("run", "--help")).stdout).toContain("Example:")
  })

  test("ends with 2 for a command line it does not understand", async () => {
    expect(await cli("strat")).toMatchObject({ code: 2, stdout: "" })
    expect((await cli("run")).stderr).toContain("missing required argument")
  })

  test("survives a reader that leaves before the end", async () => {
    const run = runCli(["start", "--help"], { cwd })
    run.child.stdout?.destroy()
    expect(await run.ended).toBe(0)
    expect(run.stderr()).toBe("")
  })

  test("lists every bad setting at once and ends with 1", async () => {
    const run = runCli(["start"], { cwd, environment: { HTTP_PORT: "http", LOG_LEVEL: "loud" } })
    expect(await run.ended).toBe(1)
    expect(run.stderr()).toMatch(/HTTP_PORT[^]*LOG_LEVEL/)
  })
})

describe("holdfast start", () => {
  test("prints its settings without secrets", async () => {
    const run = runCli(["start", "--port", "9000", "--print-config"], { cwd, environment })
    expect(await run.ended).toBe(0)
    const password = new URL(database.url).password
    expect(run.stdout()).not.toContain(password)
    expect(JSON.parse(run.stdout())).toMatchObject({
      httpPort: 9000,
      databaseUrl: expect.stringContaining("***"),
    })
  })

  test.each([
    ["--host 0.0.0.0 --auth off", {}, "does not listen on 0.0.0.0 without authentication"],
    ["--host 0.0.0.0 --local", {}, "--local is for an API on loopback, not on 0.0.0.0"],
    ["--port TAKEN", {}, "the API cannot listen on 127.0.0.1, port TAKEN: listen EADDRINUSE"],
    ["--port 0 --host 192.0.2.99", {}, "the API cannot listen on 192.0.2.99"],
    ["--connections absent.json", {}, "absent.json cannot be used:\n  - ENOENT"],
    ["--connections broken.json", {}, "broken.json cannot be used:\n  - expected JSON"],
    ["--secrets .", {}, ". cannot be used:\n  - EISDIR"],
    ["--secrets broken.json", {}, "broken.json cannot be used:\n  - expected JSON"],
    ["", { DATABASE_URL: "db.internal" }, "a database is named by a URL"],
    ["", { TEMPORAL_PROFILE: "absent" }, "absent"],
    ["", { HOLDFAST_STATE_DIR: "broken.json/state" }, "HOLDFAST_STATE_DIR names another place"],
    ["", { HTTP_PORT: "http" }, "HTTP_PORT: expected a port number"],
    ["--config broken.json", {}, "expected a file that ends in .toml"],
    ["--role worker", {}, "--role: expected all, or some of api, flow-worker, task-worker, sweeper"],
    ["--role api", {}, "roles api alone needs the servers of the other roles: set DATABASE_URL and TEMPORAL"],
    ["--prot 1", {}, "unknown option '--prot'"],
    ["now", {}, "too many arguments"],
  ])("refuses %j with %j before it starts any server", async (args, variables, reason) => {
    const project = await mkdtemp(path.join(tmpdir(), "holdfast-cli-"))
    onTestFinished(() => rm(project, { recursive: true }))
    await writeFile(path.join(project, "broken.json"), "{")
    const taken = new URL(/API: (\S+)/.exec(server.stderr())?.[1] ?? "").port
    const line = ["start", ...args.replace("TAKEN", taken).split(" ").filter(Boolean)]
    const run = runCli(line, { cwd: project, environment: variables })
    // One that is not refused would serve until somebody stops it.
    onTestFinished(() => void run.child.kill("SIGKILL"))
    expect(await run.ended).toBeGreaterThan(0)
    expect(run.stderr()).toContain(reason.replace("TAKEN", taken))
    // Whatever starts a server says so, and leaves logs and a cache.
    expect(run.stderr()).not.toMatch(/Postgres|Temporal:/)
    expect(await readdir(project)).toEqual(["broken.json"])
  })
})

describe("holdfast start without any server given", () => {
  test("starts its own, and finds its state again at the second start", async () => {
    const project = await mkdtemp(path.join(tmpdir(), "holdfast-cli-"))
    const own = { TEMPORAL_CLI_PATH: await findTemporalCli(), HTTP_PORT: "0" }
    const start = async (): Promise<CliRun> => {
      const run = runCli(["start"], { cwd: project, environment: own })
      onTestFinished(() => void run.child.kill("SIGKILL"))
      await until(run.stderr, (said) => said.includes("Ctrl-C stops it"), { timeoutMs: 60_000 })
      return run
    }
    const stop = async (run: CliRun): Promise<void> => {
      run.child.kill("SIGINT")
      expect(await run.ended).toBe(0)
      expect(await listLiveChildren(path.join(project, ".holdfast"))).toEqual([])
    }
    const first = await start()
    expect(first.stderr()).toContain("authentication is off, which only loopback allows")
    // Another project's start would take it for one that is meant to be shared.
    expect(first.stderr()).not.toMatch(/Temporal: started .*:7233/)
    const baseUrl = /API: (\S+)/.exec(first.stderr())?.[1] ?? ""
    await createClient({ baseUrl }).publishFlow({ ...FAILING, name: "kept" })
    await stop(first)
    const second = await start()
    const again = runCli(["run", "kept", "--id", "kept-1"], { cwd: project })
    expect(await again.ended).toBe(0)
    await stop(second)
    await rm((await openPostgresHome(path.join(project, ".holdfast"))).dir, { recursive: true, force: true })
    await rm(project, { recursive: true, force: true })
  })
})

describe("holdfast run and get", () => {
  test("run a transaction, wait for its end, and print nothing but JSON", async () => {
    const baseUrl = /API: (\S+)/.exec(server.stderr())?.[1] ?? ""
    await createClient({ baseUrl }).publishFlow(FAILING)
    const { code, stdout } = await cli("run", "cli_fails", "--id", "cli-1", "--wait", "30", "-o", "json")
    // Ours: what `run` prints is the API's answer.
    const transaction = JSON.parse(stdout) as Transaction
    expect(transaction).toMatchObject({ instance_id: "cli-1", status: "failed" })
    expect(code).toBe(1)
    const shown = await cli("get", "cli-1")
    expect(shown.code).toBe(0)
    expect(shown.stdout).toMatch(/cli-1 {2}cli_fails v1 {2}failed[^]*TASK[^]*call {2}failed/)
  })

  test("end with 3 for what is not there and with 2 for params that are no object", async () => {
    expect(await cli("get", "absent")).toMatchObject({ code: 3, stdout: "" })
    expect(await cli("run", "absent", "--params", "[1]")).toMatchObject({ code: 2 })
    expect(await cli("run", "absent")).toMatchObject({ code: 3 })
  })

  test("say that nobody answers", async () => {
    const run = runCli(["get", "x"], { cwd, environment: { HOLDFAST_URL: "http://127.0.0.1:1" } })
    expect(await run.ended).toBe(1)
    expect(run.stderr()).toContain("no answer from http://127.0.0.1:1")
  })
})

describe("the commands about flows and decisions", () => {
  test("publish a new version, park a transaction and repair it", async () => {
    const file = path.join(cwd, "parks.yaml")
    const call = { id: "call", task_name: "http", config: { url: "http://127.0.0.1:1/" } }
    const write = async (description: string) =>
      writeFile(
        file,
        JSON.stringify({
          name: "cli_parks",
          description,
          tasks: [{ ...call, retry: { strategy: "manual" } }],
        }),
      )
    await write("first")
    expect((await cli("validate", file)).stdout).toMatch(/cli_parks {2}valid/)
    expect((await cli("apply", file)).stdout).toMatch(/cli_parks {2}v1/)
    expect((await cli("apply", file)).stdout).toMatch(/cli_parks {2}v1/)
    expect(await cli("run", "cli_parks", "--id", "cli-park")).toMatchObject({ code: 0 })
    const watched = await cli("watch", "cli-park", "-o", "yaml")
    expect(watched).toMatchObject({ code: 1, stdout: expect.stringContaining("status: blocked") })
    expect((await cli("list", "--status", "blocked")).stdout).toContain("cli-park")
    const [open] = JSON.parse(
      (await cli("exceptions", "list", "--transaction", "cli-park", "-o", "json")).stdout,
    ) as { id: number }[]
    expect((await cli("exceptions", "groups")).stdout).toContain("cli_parks")
    expect((await cli("exceptions", "assign", String(open?.id), "安")).stdout).toContain("assigned")
    expect(await cli("exceptions", "handle", String(open?.id), "--remark", "seen")).toMatchObject({ code: 0 })
    expect((await cli("exceptions", "list", "--transaction", "cli-park")).stdout).not.toContain("cli-park")
    expect(await cli("skip", "cli-park", "absent", "--reason", "r")).toMatchObject({ code: 1, stdout: "" })
    const done = await cli(
      "complete",
      "cli-park",
      "call",
      "--result",
      "7",
      "--reason",
      "by phone",
      "--attest",
      "executed",
    )
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining("cli-park") })
    expect(await cli("watch", "cli-park")).toMatchObject({ code: 0 })
    expect(await cli("cancel", "cli-park")).toMatchObject({ code: 1, stdout: "" })
    // Each command is a process of its own, which starts in seconds where the machine is busy.
  }, 240_000)
})

describe("holdfast doctor", () => {
  test("finds all of a running project well", async () => {
    const { code, stdout } = await cli("doctor", "-o", "json")
    // Ours: what `doctor` prints are its findings.
    const findings = JSON.parse(stdout) as { check: string; verdict: string; found: string }[]
    expect(findings.map(({ check, verdict }) => `${check} ${verdict}`)).toEqual([
      "node ok",
      "postgres ok",
      "schema ok",
      "clock ok",
      "temporal ok",
      "search attributes ok",
      "flow-worker ok",
      "task-worker ok",
      expect.stringMatching(/^hand-over (ok|warning)$/),
      "eager calls ok",
    ])
    expect(code).toBe(0)
  })

  test("ends with 1 when a server is away, and says what to do", async () => {
    const run = runCli(["doctor"], {
      cwd,
      environment: { DATABASE_URL: "postgres://127.0.0.1:1/x", TEMPORAL_ADDRESS: "127.0.0.1:1" },
    })
    expect(await run.ended).toBe(1)
    expect(run.stdout()).toMatch(
      /postgres +bad[^]*temporal +bad[^]*check DATABASE_URL[^]*check TEMPORAL_ADDRESS/,
    )
  })
})

describe("holdfast beside a server that asks for keys", () => {
  test("says how to give one, ends with 4 without it, and finds the server by HOLDFAST_URL", async () => {
    const keys = runCli(["start", "--auth", "keys"], { cwd, environment: { ...environment, HTTP_PORT: "0" } })
    onTestFinished(async () => {
      keys.child.kill("SIGTERM")
      await keys.ended
    })
    await until(keys.stderr, (said) => said.includes("Ctrl-C stops it"), { timeoutMs: 60_000 })
    const url = /API: (\S+)/.exec(keys.stderr())?.[1] ?? ""
    expect(await cli("get", "absent")).toMatchObject({ code: 2, stderr: expect.stringContaining(url) })
    const ask = async (variables: Record<string, string>): Promise<{ code: number; stderr: string }> => {
      const run = runCli(["get", "absent"], { cwd, environment: { HOLDFAST_URL: url, ...variables } })
      return { code: await run.ended, stderr: run.stderr() }
    }
    expect(await ask({})).toMatchObject({ code: 4, stderr: expect.stringContaining("HOLDFAST_API_KEY") })
    const first = /first start: .* (hf_\S+)/.exec(keys.stderr())?.[1] ?? ""
    expect(await ask({ HOLDFAST_API_KEY: first })).toMatchObject({ code: 3 })
    const made = runCli(["key", "create", "--name", "ci"], { cwd, environment: { HOLDFAST_URL: url } })
    expect(await made.ended).toBe(0)
    expect(await ask({ HOLDFAST_API_KEY: made.stdout().trim() })).toMatchObject({ code: 3 })
  })
})

describe("holdfast key create", () => {
  test("prints the key alone on stdout", async () => {
    const { code, stdout, stderr } = await cli("key", "create", "--name", "ci", "--scopes", "flows:read")
    expect(code).toBe(0)
    expect(stdout).toMatch(/^hf_\w{8}_\w{43}_[0-9a-f]{8}\n$/)
    expect(stderr).toContain('"ci" until')
  })

  test("refuses an unknown scope and a life that is too long", async () => {
    expect((await cli("key", "create", "--name", "ci", "--scopes", "all:all")).stderr).toContain(
      "there is no all:all",
    )
    expect(await cli("key", "create", "--name", "ci", "--days", "1000")).toMatchObject({ code: 2 })
  })
})

describe("holdfast mirror check", () => {
  test("finds no difference and counts what it compared", async () => {
    await vi.waitFor(
      async () => {
        const { code, stdout } = await cli("mirror", "check", "-o", "json")
        expect(JSON.parse(stdout)).toMatchObject({ differences: [] })
        expect(code).toBe(0)
      },
      { timeout: 30_000 },
    )
  })

  test("says so when nothing runs", async () => {
    const elsewhere = await mkdtemp(path.join(tmpdir(), "holdfast-cli-"))
    const run = runCli(["mirror", "check"], { cwd: elsewhere })
    expect(await run.ended).toBe(2)
    expect(run.stderr()).toContain("nothing runs in this project")
    await rm(elsewhere, { recursive: true })
  })
})

describe("holdfast mirror rebuild", () => {
  test("counts what it looked at, of all transactions or one", async () => {
    const all = await cli("mirror", "rebuild", "-o", "json")
    expect(all.code).toBe(0)
    const { rebuilt, unchanged, expired, failed } = JSON.parse(all.stdout)
    expect(failed).toEqual([])
    const { checked } = JSON.parse((await cli("mirror", "check", "-o", "json")).stdout)
    expect(rebuilt + unchanged + expired).toBe(checked)
    const one = await cli("mirror", "rebuild", "--transaction", "nobody-has-this")
    expect(one).toMatchObject({
      code: 3,
      stdout: "0 rebuilt, 0 unchanged, 0 expired in Temporal, 0 failed\n",
    })
  })
})
