import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findProcess } from "../local/process-identity.ts"
import { announce, findRunning } from "./running.ts"

const FACTS = {
  api_url: "http://127.0.0.1:8080",
  database_url: "postgres://holdfast:word@127.0.0.1:1/holdfast",
  temporal: { address: "127.0.0.1:7233", namespace: "default" },
}
const SECOND = { ...FACTS, api_url: "http://127.0.0.1:8081" }

let stateDir: string
let said: string[]
beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), "holdfast-running-"))
  said = []
})
afterEach(() => rm(stateDir, { recursive: true }))

function announceHere(facts = FACTS): Promise<() => Promise<void>> {
  return announce({ stateDir, facts, say: (line) => said.push(line) })
}

function listFiles(): Promise<string[]> {
  return readdir(path.join(stateDir, "running"))
}

/** As a process announced itself that is gone, or still there. */
async function writeRecord(process: { pid: number; began: string }, facts = FACTS): Promise<void> {
  await mkdir(path.join(stateDir, "running"), { recursive: true })
  await writeFile(path.join(stateDir, "running", "other.json"), JSON.stringify({ process, ...facts }))
}

describe("announce()", () => {
  test("can be found until it is withdrawn", async () => {
    const withdraw = await announceHere()
    expect(await findRunning(stateDir)).toMatchObject(FACTS)
    await withdraw()
    expect(await findRunning(stateDir)).toBeUndefined()
    expect(await listFiles()).toEqual([])
    expect(said).toEqual([])
  })

  test("lets nobody else read the password", async () => {
    await announceHere()
    const [file = ""] = await listFiles()
    expect((await stat(path.join(stateDir, "running", file))).mode & 0o077).toBe(0)
  })

  test("neither replaces nor takes back what another living process announced, and says that it is there", async () => {
    await announceHere()
    const withdraw = await announceHere(SECOND)
    expect(said).toEqual([
      `process ${process.pid} runs in this project too, at ${FACTS.api_url}: HOLDFAST_URL=${SECOND.api_url} leads commands to this one`,
    ])
    await withdraw()
    expect(await findRunning(stateDir)).toMatchObject(FACTS)
  })

  test("removes what dead processes and half-written files left", async () => {
    await writeRecord({ pid: process.pid, began: "an earlier life" })
    await writeFile(path.join(stateDir, "running", "broken.json"), "{")
    await announceHere(SECOND)
    expect(await listFiles()).toHaveLength(1)
    expect(await findRunning(stateDir)).toMatchObject(SECOND)
    expect(said).toEqual([])
  })

  test("only warns where nothing can be written", async () => {
    await writeFile(path.join(stateDir, "running"), "a file where the directory should be")
    const withdraw = await announceHere()
    expect(said).toEqual([expect.stringContaining(`need HOLDFAST_URL=${FACTS.api_url}`)])
    await withdraw()
  })
})

describe("findRunning()", () => {
  test("finds nothing that a dead process announced", async () => {
    await writeRecord({ pid: process.pid, began: "an earlier life" })
    expect(await findRunning(stateDir)).toBeUndefined()
  })

  test("refuses to choose between two, and names both", async () => {
    await announceHere()
    const parent = findProcess(process.ppid)
    await writeRecord(parent ?? { pid: 0, began: "" }, SECOND)
    await expect(findRunning(stateDir)).rejects.toThrow(
      /2 processes run in this project[^]*HOLDFAST_URL=http:\/\/127.0.0.1:8080 +\(process \d+\)[^]*HOLDFAST_URL=http:\/\/127.0.0.1:8081/,
    )
    expect(await findRunning(stateDir, SECOND.api_url)).toMatchObject(SECOND)
    expect(await findRunning(stateDir, "http://localhost:8080/")).toMatchObject(FACTS)
  })

  test("does not take one for another that was asked for", async () => {
    await announceHere()
    expect(await findRunning(stateDir, "https://holdfast.internal")).toBeUndefined()
    expect(await findRunning(stateDir, SECOND.api_url)).toBeUndefined()
  })
})
