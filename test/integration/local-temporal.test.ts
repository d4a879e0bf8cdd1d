import { spawn, spawnSync } from "node:child_process"
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import path from "node:path"
import { createInterface } from "node:readline"
import { Client, Connection } from "@temporalio/client"
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest"
import { listLiveChildren } from "../../src/local/child-records.ts"
import { findProcess } from "../../src/local/process-identity.ts"
import { getCachedCli, resolveTemporalCli } from "../../src/local/temporal-cli.ts"
import { findRunningTemporal, hasKeptTemporal, startTemporal } from "../../src/local/temporal.ts"
import type { LocalTemporal, TemporalOptions } from "../../src/local/temporal.ts"
import { getBuiltModule } from "../helpers/built.ts"
import { findTemporalCli } from "../helpers/temporal-cli.ts"

let stateDir: string
beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), "holdfast-temporal-"))
})
afterEach(() => rm(stateDir, { recursive: true, force: true }))

async function start(options: Partial<TemporalOptions> = {}): Promise<LocalTemporal> {
  const server = await startTemporal({
    stateDir,
    environment: { PATH: process.env.PATH, TEMPORAL_CLI_PATH: await findTemporalCli() },
    say: () => undefined,
    state: "throwaway",
    ui: "off",
    ...options,
  })
  onTestFinished(() => server.stop())
  return server
}

describe("startTemporal()", () => {
  test("starts a server with our search attributes, and leaves nothing behind", async () => {
    const server = await start()
    expect(await findRunningTemporal(server.address)).toBe(server.address)
    const connection = await Connection.connect({ address: server.address })
    const answer = await connection.operatorService.listSearchAttributes({ namespace: "default" })
    expect(Object.keys(answer.customAttributes).toSorted()).toEqual(["HoldfastBusinessKey", "HoldfastTenant"])
    await connection.close()
    await server.stop()
    expect(findProcess(server.pid)).toBeUndefined()
    expect(await findRunningTemporal(server.address)).toBeUndefined()
    expect((await readdir(stateDir)).toSorted()).toEqual(["children", "logs"])
  })

  test("serves the web UI where it says", async () => {
    const server = await start({ ui: "on" })
    await vi.waitFor(async () => {
      const page = await fetch(server.uiUrl ?? "")
      expect(await page.text()).toContain("<html")
    })
  })

  test("finds a kept workflow again at a second start", async () => {
    expect(await hasKeptTemporal(stateDir)).toBe(false)
    const first = await start({ state: "kept" })
    expect(await hasKeptTemporal(stateDir)).toBe(true)
    const connection = await Connection.connect({ address: first.address })
    await new Client({ connection }).workflow.start("none", { workflowId: "kept", taskQueue: "none" })
    await connection.close()
    await first.stop()
    const second = await start({ state: "kept" })
    const again = await Connection.connect({ address: second.address })
    const found = await new Client({ connection: again }).workflow.getHandle("kept").describe()
    expect(found.status.name).toBe("RUNNING")
    await again.close()
  })

  test("ends when the process that started it is killed", async () => {
    const parent = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { startTemporal } from ${JSON.stringify(getBuiltModule("local/temporal"))}
         const environment = { TEMPORAL_CLI_PATH: ${JSON.stringify(await findTemporalCli())} }
         const server = await startTemporal({ stateDir: ${JSON.stringify(stateDir)}, environment, say() {}, state: "throwaway", ui: "off" })
         console.log(server.pid)
         setInterval(() => {}, 1000)`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    )
    onTestFinished(() => void parent.kill("SIGKILL"))
    let pid = 0
    for await (const line of createInterface(parent.stdout)) {
      pid = Number(line)
      break
    }
    expect(findProcess(pid)).toBeDefined()
    parent.kill("SIGKILL")
    await vi.waitFor(() => expect(findProcess(pid)).toBeUndefined(), { timeout: 15_000 })
    expect(await listLiveChildren(stateDir)).toEqual([])
  })
})

describe("findRunningTemporal()", () => {
  test("does not take any listener for a Temporal", async () => {
    const web = createServer((_request, response) => response.end("hello"))
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void web.close())
    const address = web.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    expect(await findRunningTemporal(`127.0.0.1:${port}`)).toBeUndefined()
  })
})

/** Speaks as a Temporal CLI does when it is asked for its version. */
const SOME_CLI = `#!/bin/sh\necho "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"\n`
const OLD_CLI = `#!/bin/sh\necho "temporal version 0.11.0 (Server 1.22.4, UI 2.21.3)"\n`

async function write(file: string, content: string): Promise<string> {
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, content)
  await chmod(file, 0o755)
  return file
}

/** An index and an archive as temporal.download serves them; `answer` 404 is a network that has none. */
async function serveDownload(answer: 200 | 404): Promise<{ origin: string; asked: string[] }> {
  const asked: string[] = []
  const source = path.join(stateDir, "archive")
  await write(path.join(source, "temporal"), SOME_CLI)
  spawnSync("tar", ["-czf", path.join(source, "cli.tar.gz"), "-C", source, "temporal"])
  const archive = await readFile(path.join(source, "cli.tar.gz"))
  const server = createServer((request, response) => {
    asked.push(request.url ?? "")
    response.statusCode = answer
    if (answer === 404) response.end()
    else if (request.url === "/cli.tar.gz") response.end(archive)
    else response.end(JSON.stringify({ archiveUrl: `${origin}/cli.tar.gz`, fileToExtract: "temporal" }))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  return { origin, asked }
}

/** A `go` that answers `version` and "installs" by script, so that how it is called can be seen. */
function writeGo(install: string): Promise<string> {
  return write(path.join(stateDir, "tools", "go"), `#!/bin/sh\n[ "$1" = version ] && exit 0\n${install}\n`)
}

describe("resolveTemporalCli()", () => {
  const say = (): void => undefined

  test("takes TEMPORAL_CLI_PATH, and says so when it cannot", async () => {
    const file = await write(path.join(stateDir, "mine"), SOME_CLI)
    expect(await resolveTemporalCli({ stateDir, say, environment: { TEMPORAL_CLI_PATH: file } })).toEqual({
      file,
      source: "TEMPORAL_CLI_PATH",
    })
    const absent = { TEMPORAL_CLI_PATH: path.join(stateDir, "absent") }
    await expect(resolveTemporalCli({ stateDir, say, environment: absent })).rejects.toThrow(
      "is not an executable file",
    )
  })

  test("takes the one on PATH, but not one that is too old", async () => {
    const said: string[] = []
    await write(path.join(stateDir, "old", "temporal"), OLD_CLI)
    const good = await write(path.join(stateDir, "good", "temporal"), SOME_CLI)
    const environment = { PATH: `${path.join(stateDir, "old")}:${path.join(stateDir, "good")}` }
    const found = await resolveTemporalCli({ stateDir, environment, say: (line) => said.push(line) })
    expect(found).toEqual({ file: good, source: "on PATH" })
    expect(said.join()).toContain("holds server 1.22, older than 1.28")
  })

  test("downloads into the cache, once", async () => {
    const { origin, asked } = await serveDownload(200)
    const context = { stateDir, say, environment: {}, downloadOrigin: origin }
    expect(await resolveTemporalCli(context)).toEqual({ file: getCachedCli(stateDir), source: "downloaded" })
    expect(await resolveTemporalCli(context)).toEqual({ file: getCachedCli(stateDir), source: "cached" })
    expect(asked).toHaveLength(2)
    expect(asked[0]).toMatch(/^\/cli\/v1\.5\.1\?arch=(amd64|arm64)&platform=(linux|darwin)$/)
  })

  test("builds with Go once for parallel runs, without a HOME, and cleans up", async () => {
    const { origin } = await serveDownload(404)
    const cli = await write(path.join(stateDir, "built"), SOME_CLI)
    const calls = path.join(stateDir, "calls")
    const go = await writeGo(
      `echo "$@ HOME=$HOME GOPATH=$GOPATH GOCACHE=$GOCACHE GOFLAGS=$GOFLAGS" >> ${calls}; sleep 0.3; mkdir -p "$GOBIN"; cp ${cli} "$GOBIN/temporal"`,
    )
    const environment = { PATH: `${path.dirname(go)}:/usr/bin:/bin` }
    const context = { stateDir, say, environment, downloadOrigin: origin }
    const found = await Promise.all([resolveTemporalCli(context), resolveTemporalCli(context)])
    expect(found.map((one) => one.source).toSorted()).toEqual(["built with Go", "cached"])
    const work = path.join(stateDir, "cache", "scratch-go")
    expect(await readFile(calls, "utf8")).toBe(
      `install -v -ldflags=-s -w github.com/temporalio/cli/cmd/temporal@v1.5.1 HOME=${work} GOPATH=${work}/path GOCACHE=${work}/build GOFLAGS=-modcacherw\n`,
    )
    expect((await readdir(path.join(stateDir, "cache"))).toSorted()).toEqual(["bin"])
  })

  test("names every way that failed and what helps", async () => {
    const { origin } = await serveDownload(404)
    const go = await writeGo("echo no such module >&2; exit 1")
    const environment = { PATH: `${path.dirname(go)}:/usr/bin:/bin` }
    const failing = resolveTemporalCli({ stateDir, say, environment, downloadOrigin: origin })
    await expect(failing).rejects.toThrow(
      /download: .* 404[^]*build: go install ended with 1: no such module[^]*TEMPORAL_ADDRESS/,
    )
  })
})
