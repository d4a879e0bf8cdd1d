import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest"
import {
  createScratchName,
  listLiveChildren,
  SCRATCH_PREFIX,
  sweepScratch,
  sweepStaleChildren,
} from "./child-records.ts"
import { startChild } from "./children.ts"
import type { Child, ChildOptions } from "./children.ts"
import { findProcess, getOwnProcess, isAlive } from "./process-identity.ts"
import type { ProcessIdentity } from "./process-identity.ts"

let stateDir: string
beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), "holdfast-children-"))
})
afterEach(() => rm(stateDir, { recursive: true, force: true }))

function start(script: string, more: Partial<ChildOptions> = {}): Promise<Child> {
  return startChild({
    name: "test",
    stateDir,
    command: "/bin/sh",
    args: ["-c", script],
    cwd: stateDir,
    environment: { PATH: process.env.PATH },
    logFile: path.join(stateDir, "log"),
    stopSignal: "TERM",
    ...more,
  })
}

describe("startChild()", () => {
  test("knows the server's own pid and sends its output to the log", async () => {
    const child = await start("echo it is $$; exec sleep 100")
    await vi.waitFor(async () =>
      expect(await readFile(path.join(stateDir, "log"), "utf8")).toBe(`it is ${child.pid}\n`),
    )
    await child.stop()
    expect(findProcess(child.pid)).toBeUndefined()
  })

  test("reports a server that ends by itself", async () => {
    const child = await start("exit 3")
    expect(await child.ended).toBe(3)
    expect(child.hasEnded()).toBe(true)
    await child.stop()
  })

  test("stops with the given signal, then removes scratch directory and record", async () => {
    const scratch = path.join(stateDir, `${SCRATCH_PREFIX}1`)
    await mkdir(path.join(scratch, "data"), { recursive: true })
    const child = await start("trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.05; done", {
      scratch,
    })
    const log = path.join(stateDir, "log")
    await vi.waitFor(async () => expect(await readFile(log, "utf8")).toBe("up\n"))
    expect(await listLiveChildren(stateDir)).toMatchObject([{ name: "test", server: { pid: child.pid } }])
    await child.stop()
    expect(await readFile(log, "utf8")).toBe("up\nasked\n")
    expect(existsSync(scratch)).toBe(false)
    expect(await readdir(path.join(stateDir, "children"))).toEqual([])
  })

  test("kills a server that ignores the signal", async () => {
    const child = await start("trap '' TERM; echo up; while :; do sleep 0.05; done", { graceSeconds: 1 })
    await vi.waitFor(async () => expect(await readFile(path.join(stateDir, "log"), "utf8")).toBe("up\n"))
    await child.stop()
    expect(findProcess(child.pid)).toBeUndefined()
    expect(await child.ended).toBe(137)
  })

  test("says what could not be started", async () => {
    const child = await start("", { command: path.join(stateDir, "absent"), args: [] })
    expect(await child.ended).toBe(127)
    expect(await readFile(path.join(stateDir, "log"), "utf8")).toContain("absent")
    await expect(start("", { cwd: path.join(stateDir, "nowhere") })).rejects.toThrow(
      "test could not be started",
    )
  })
})

describe("sweepStaleChildren()", () => {
  const gone: ProcessIdentity = { pid: 2 ** 22 - 1, began: "long ago" }

  async function orphan(): Promise<{ process: ChildProcess; identity: ProcessIdentity }> {
    const child = spawn("sleep", ["100"], { stdio: "ignore" })
    onTestFinished(() => void child.kill("SIGKILL"))
    const identity = await vi.waitFor(() => {
      const found = findProcess(child.pid ?? 0)
      if (found === undefined) throw new Error("not there yet")
      return found
    })
    return { process: child, identity }
  }

  async function record(entry: object): Promise<void> {
    await mkdir(path.join(stateDir, "children"), { recursive: true })
    const whole = { name: "left", guard: null, stop_signal: "TERM", scratch: null, ...entry }
    await writeFile(path.join(stateDir, "children", "left-1.json"), JSON.stringify(whole))
  }

  test("ends a server whose parent and guard are gone, and removes its scratch directory", async () => {
    const { identity } = await orphan()
    const scratch = path.join(stateDir, `${SCRATCH_PREFIX}2`)
    await mkdir(scratch)
    await record({ server: identity, parent: gone, scratch })
    expect(await sweepStaleChildren(stateDir)).toEqual(["left"])
    expect(isAlive(identity)).toBe(false)
    expect(existsSync(scratch)).toBe(false)
    expect(await readdir(path.join(stateDir, "children"))).toEqual([])
  })

  test("leaves a process alone that only has the pid of a former server", async () => {
    const { identity } = await orphan()
    await record({ server: { pid: identity.pid, began: "another time" }, parent: gone })
    expect(await sweepStaleChildren(stateDir)).toEqual([])
    expect(isAlive(identity)).toBe(true)
    expect(await readdir(path.join(stateDir, "children"))).toEqual([])
  })

  test("leaves the servers of a living parent alone", async () => {
    const { identity } = await orphan()
    await record({ server: identity, parent: getOwnProcess() })
    expect(await sweepStaleChildren(stateDir)).toEqual([])
    expect(isAlive(identity)).toBe(true)
    expect(await readdir(path.join(stateDir, "children"))).toEqual(["left-1.json"])
  })

  test("never removes a directory that is not a scratch directory", async () => {
    const precious = path.join(stateDir, "precious")
    await mkdir(precious)
    await record({ server: gone, parent: gone, scratch: precious })
    await sweepStaleChildren(stateDir)
    expect(existsSync(precious)).toBe(true)
  })

  test("removes a scratch directory whose maker died before it had a server", async () => {
    const [dead, living] = [`${SCRATCH_PREFIX}${gone.pid}-1`, createScratchName()]
    await mkdir(path.join(stateDir, dead, "data"), { recursive: true })
    await mkdir(path.join(stateDir, living))
    await mkdir(path.join(stateDir, "kept"))
    await sweepScratch(stateDir, stateDir)
    expect((await readdir(stateDir)).toSorted()).toEqual(["kept", living])
  })

  test("drops a record that cannot be read", async () => {
    await mkdir(path.join(stateDir, "children"))
    await writeFile(path.join(stateDir, "children", "torn.json"), '{"name":')
    expect(await sweepStaleChildren(stateDir)).toEqual([])
    expect(await readdir(path.join(stateDir, "children"))).toEqual([])
  })
})
