import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { announce, findRunning } from "./running.ts"

const FACTS = {
  api_url: "http://127.0.0.1:8080",
  database_url: "postgres://holdfast:word@127.0.0.1:1/holdfast",
  temporal: { address: "127.0.0.1:7233", namespace: "default" },
}

let stateDir: string
beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), "holdfast-running-"))
})
afterEach(() => rm(stateDir, { recursive: true }))

describe("announce()", () => {
  test("can be found until it is withdrawn, by its owner alone", async () => {
    const withdraw = await announce(stateDir, FACTS)
    expect(await findRunning(stateDir)).toMatchObject(FACTS)
    expect((await stat(path.join(stateDir, "running.json"))).mode & 0o077).toBe(0)
    await withdraw()
    expect(await findRunning(stateDir)).toBeUndefined()
  })

  test("leaves the announcement of another process alone", async () => {
    const withdraw = await announce(stateDir, FACTS)
    const other = JSON.stringify({ process: { pid: 1, began: "once" }, ...FACTS })
    await writeFile(path.join(stateDir, "running.json"), other)
    await withdraw()
    expect(await readFile(path.join(stateDir, "running.json"), "utf8")).toBe(other)
  })
})

describe("findRunning()", () => {
  test("finds nothing that a dead process announced", async () => {
    const dead = { process: { pid: process.pid, began: "an earlier life" }, ...FACTS }
    await writeFile(path.join(stateDir, "running.json"), JSON.stringify(dead))
    expect(await findRunning(stateDir)).toBeUndefined()
  })
})
