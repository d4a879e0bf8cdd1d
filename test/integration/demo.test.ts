import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest"
import { listLiveChildren } from "../../src/local/child-records.ts"
import { openPostgresHome } from "../../src/local/postgres-home.ts"
import { runCli } from "../helpers/cli.ts"
import type { CliRun } from "../helpers/cli.ts"
import { findTemporalCli } from "../helpers/temporal-cli.ts"

const PATIENCE_MS = 60_000
let cwd: string
let temporalCli: string
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), "holdfast-demo-"))
  temporalCli = await findTemporalCli()
})
afterEach(async () => {
  await rm((await openPostgresHome(path.join(cwd, ".holdfast"))).dir, { recursive: true, force: true })
  await rm(cwd, { recursive: true, force: true })
})

function startDemo(...args: string[]): CliRun {
  const run = runCli(["demo", ...args], { cwd, environment: { TEMPORAL_CLI_PATH: temporalCli } })
  onTestFinished(() => void run.child.kill("SIGKILL"))
  return run
}

async function expectNoServerLeft(): Promise<void> {
  const stateDir = path.join(cwd, ".holdfast")
  await vi.waitFor(async () => expect(await listLiveChildren(stateDir)).toEqual([]), { timeout: 15_000 })
}

async function expectNothingLeft(): Promise<void> {
  const stateDir = path.join(cwd, ".holdfast")
  await expectNoServerLeft()
  await vi.waitFor(
    async () => {
      const left = [
        ...(await readdir(stateDir).catch(() => [])),
        ...(await readdir((await openPostgresHome(stateDir)).dir)),
      ]
      expect(left.filter((name) => name.startsWith("scratch-"))).toEqual([])
    },
    { timeout: 15_000 },
  )
}

describe("holdfast demo", () => {
  test("shows three orders that end as expected, twice in a row", { timeout: 3 * PATIENCE_MS }, async () => {
    for (const _round of [1, 2]) {
      const demo = startDemo()
      const code = await demo.ended
      expect(demo.stderr()).toBe("")
      expect(demo.stdout()).toMatch(/order-1 .*success .*ok\n/)
      expect(demo.stdout()).toMatch(/order-2 .*payment failed twice .*success +3 +1 .*ok\n/)
      expect(demo.stdout()).toMatch(/order-3: blocked, exception \d+: ship stopped with HTTP_503/)
      expect(demo.stdout()).toMatch(/order-3 .*success .*ok\n/)
      expect(code).toBe(0)
      await expectNothingLeft()
    }
  })

  test.each([["Holdfast demo"], ["starting Postgres and Temporal"], ["order-2: payment will fail twice"]])(
    "can be stopped at any time, such as after %j",
    { timeout: 2 * PATIENCE_MS },
    async (moment) => {
      const demo = startDemo()
      await vi.waitFor(() => expect(demo.stdout()).toContain(moment), { timeout: PATIENCE_MS, interval: 20 })
      demo.child.kill("SIGINT")
      expect(await demo.ended).toBe(130)
      // What fails then fails because its servers are stopped.
      expect(demo.stderr()).toBe("stopping\n")
      await expectNoServerLeft()
    },
  )

  test("stays up until Ctrl-C, then leaves nothing", { timeout: 2 * PATIENCE_MS }, async () => {
    const demo = startDemo("--stay")
    await vi.waitFor(() => expect(demo.stdout()).toContain("Ctrl-C stops it all"), { timeout: PATIENCE_MS })
    const docs = /API docs +(\S+)/.exec(demo.stdout())?.[1] ?? ""
    const ui = /Temporal UI +(\S+)/.exec(demo.stdout())?.[1] ?? ""
    expect((await fetch(docs)).status).toBe(200)
    expect((await fetch(ui)).status).toBe(200)
    const seen = runCli(["get", "order-3"], { cwd })
    expect(await seen.ended).toBe(0)
    expect(seen.stdout()).toContain("success")
    demo.child.kill("SIGINT")
    expect(await demo.ended).toBe(0)
    await expectNothingLeft()
  })

  test("leaves nothing when it is killed", { timeout: 2 * PATIENCE_MS }, async () => {
    const demo = startDemo("--stay")
    await vi.waitFor(() => expect(demo.stdout()).toContain("Ctrl-C stops it all"), { timeout: PATIENCE_MS })
    demo.child.kill("SIGKILL")
    await demo.ended
    await expectNothingLeft()
  })
})
