import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import path from "node:path"
import { createInterface } from "node:readline"
import { Client } from "pg"
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest"
import { listLiveChildren, SCRATCH_PREFIX } from "../../src/local/child-records.ts"
import { openPostgresHome } from "../../src/local/postgres-home.ts"
import { startPostgres } from "../../src/local/postgres.ts"
import type { LocalPostgres, PostgresOptions } from "../../src/local/postgres.ts"
import { findProcess } from "../../src/local/process-identity.ts"
import { getBuiltModule } from "../helpers/built.ts"

let stateDir: string
beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), "holdfast-postgres-"))
})
afterEach(async () => {
  const home = await openPostgresHome(stateDir)
  await rm(home.dir, { recursive: true, force: true })
  await rm(stateDir, { recursive: true, force: true })
})

async function start(options: Partial<PostgresOptions> = {}): Promise<LocalPostgres> {
  const said: string[] = []
  const server = await startPostgres({
    stateDir,
    environment: process.env,
    say: (line) => said.push(line),
    state: "throwaway",
    ...options,
  })
  onTestFinished(() => server.stop())
  return server
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client(url)
  await client.connect()
  try {
    const { rows } = await client.query({ text: sql, rowMode: "array" })
    return rows[0]
  } finally {
    await client.end()
  }
}

const scratchLeft = async (dir: string): Promise<string[]> =>
  (await readdir(dir)).filter((name) => name.startsWith(SCRATCH_PREFIX))

describe("startPostgres()", () => {
  test("runs a UTF-8 server on loopback that wants a password and leaves nothing behind", async () => {
    const server = await start()
    expect(
      await ask(
        server.url,
        "select current_setting('server_encoding'), current_setting('listen_addresses'), current_setting('unix_socket_directories'), lower('ÄÖ')",
      ),
    ).toEqual(["UTF8", "127.0.0.1", "", "äö"])
    const wrong = new URL(server.url)
    wrong.password = "guess"
    await expect(ask(wrong.href, "select 1")).rejects.toThrow("password authentication failed")
    await server.stop()
    expect(findProcess(server.pid)).toBeUndefined()
    expect(await scratchLeft((await openPostgresHome(stateDir)).dir)).toEqual([])
  })

  test("runs the bundled binaries, whoever we are and wherever node_modules is", async () => {
    const server = await start({ source: "bundled" })
    expect(await ask(server.url, "select lower('ÄÖ'), datlocprovider from pg_database")).toEqual(["äö", "b"])
    expect(server.description).toContain("bundled")
  })

  test("finds its data again at a second start, and only with its own password", async () => {
    const first = await start({ state: "kept" })
    await ask(first.url, "create table kept as select 7 as n")
    expect(await ask(first.url, "show fsync")).toEqual(["on"])
    await first.stop()
    const second = await start({ state: "kept" })
    expect(await ask(second.url, "select n from kept")).toEqual([7])
    expect(new URL(second.url).password).toBe(new URL(first.url).password)
  })

  test("refuses a second server on the same kept data and says who has it", async () => {
    await start({ state: "kept" })
    await expect(start({ state: "kept" })).rejects.toThrow(`already runs for process ${process.pid}`)
  })

  test("takes another port when the preferred one is taken", async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void taken.close())
    const address = taken.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const server = await start({ preferredPort: port })
    expect(server.port).not.toBe(port)
    expect(await ask(server.url, "select 1")).toEqual([1])
  })

  test("says what to do when the kept data needs another version", async () => {
    const server = await start({ state: "kept", source: "bundled" })
    await server.stop()
    const home = await openPostgresHome(stateDir)
    await writeFile(path.join(home.dir, "kept", "data", "PG_VERSION"), "9\n")
    await expect(start({ state: "kept" })).rejects.toThrow("made by PostgreSQL 9, which is not here")
  })

  test("ends when the process that started it is killed", async () => {
    const parent = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { startPostgres } from ${JSON.stringify(getBuiltModule("local/postgres"))}
         const server = await startPostgres({ stateDir: ${JSON.stringify(stateDir)}, environment: process.env, say() {}, state: "throwaway" })
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
    const home = await openPostgresHome(stateDir)
    await vi.waitFor(() => expect(findProcess(pid)).toBeUndefined(), { timeout: 10_000 })
    await vi.waitFor(async () => expect(await scratchLeft(home.dir)).toEqual([]), { timeout: 10_000 })
    expect(await listLiveChildren(stateDir)).toEqual([])
  })

  test("keeps its log where people can find it", async () => {
    const server = await start()
    await server.stop()
    expect(existsSync(path.join(stateDir, "logs", "postgres.log"))).toBe(true)
    expect(await readFile(path.join(stateDir, "logs", "postgres.log"), "utf8")).toContain(
      "ready to accept connections",
    )
  })
})
