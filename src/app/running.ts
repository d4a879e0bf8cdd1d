/**
 * How the commands of another terminal find what runs in this project: one file for each process, for as long as it
 * lives. A file of its own, so that a demo beside a `start` neither replaces nor removes what that one announced.
 */
import { randomUUID } from "node:crypto"
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import path from "node:path"
import { z } from "zod"
import { UsageError } from "../cli/exit-codes.ts"
import { toError } from "../contract/errors.ts"
import { getOwnProcess, isAlive } from "../local/process-identity.ts"

const running = z.object({
  process: z.object({ pid: z.number(), began: z.string() }),
  api_url: z.url(),
  database_url: z.string(),
  temporal: z.object({ address: z.string(), namespace: z.string() }),
})
export type Running = z.infer<typeof running>

interface Announcement {
  stateDir: string
  say: (line: string) => void
  facts: Omit<Running, "process">
}

/**
 * Returns what takes it back. Where it cannot be written, on a read-only disk for example, that is said and nothing
 * else. The file holds the database's password: only its owner may read it.
 */
export async function announce({ stateDir, say, facts }: Announcement): Promise<() => Promise<void>> {
  const own = getOwnProcess()
  const others = await sweepDead(stateDir)
  for (const other of others)
    say(
      `process ${other.process.pid} runs in this project too, at ${other.api_url}: HOLDFAST_URL=${facts.api_url} leads commands to this one`,
    )
  const file = path.join(directoryOf(stateDir), `${own.pid}-${randomUUID()}.json`)
  try {
    await mkdir(directoryOf(stateDir), { recursive: true })
    // Nobody may read half of it.
    await writeFile(`${file}.new`, JSON.stringify({ process: own, ...facts }), { mode: 0o600 })
    await rename(`${file}.new`, file)
    return () => rm(file, { force: true })
  } catch (thrown) {
    say(
      `warning: commands of this project need HOLDFAST_URL=${facts.api_url}, it cannot be written down: ${toError(thrown).message}`,
    )
    return () => Promise.resolve()
  }
}

/**
 * What runs in this project, at `apiUrl` when that is given; `undefined` when nothing does.
 * @throws UsageError when there are several to choose from: a command must not reach the wrong one.
 */
export async function findRunning(stateDir: string, apiUrl?: string): Promise<Running | undefined> {
  const found = (await readAll(stateDir))
    .map(({ record }) => record)
    .filter(isRunning)
    .filter((one) => apiUrl === undefined || isSamePlace(one.api_url, apiUrl))
  if (found.length <= 1) return found[0]
  throw new UsageError(
    [
      `${found.length} processes run in this project, say which is meant:`,
      ...found.map((one) => `  HOLDFAST_URL=${one.api_url}  (process ${one.process.pid})`),
    ].join("\n"),
  )
}

/** Removes what dead processes left and returns what the living ones announced. */
async function sweepDead(stateDir: string): Promise<Running[]> {
  const living: Running[] = []
  for (const { file, record } of await readAll(stateDir))
    if (isRunning(record)) living.push(record)
    else await rm(file, { force: true }).catch(() => undefined)
  return living
}

function isRunning(record: Running | undefined): record is Running {
  return record !== undefined && isAlive(record.process)
}

/** Names of this machine are one name: `localhost` leads to what listens on 127.0.0.1 or on all addresses. */
function isSamePlace(one: string, other: string): boolean {
  const [a, b] = [one, other].map((url) => {
    const { protocol, hostname, port } = new URL(url)
    return [
      protocol,
      /^(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])$/.test(hostname) ? "" : hostname,
      port,
    ].join()
  })
  return a === b
}

function directoryOf(stateDir: string): string {
  return path.join(stateDir, "running")
}

async function readAll(stateDir: string): Promise<{ file: string; record: Running | undefined }[]> {
  const names = await readdir(directoryOf(stateDir)).catch(() => [])
  const files = names.filter((name) => name.endsWith(".json")).toSorted()
  return Promise.all(
    files.map(async (name) => {
      const file = path.join(directoryOf(stateDir), name)
      return { file, record: parseRecord(await readFile(file, "utf8").catch(() => "")) }
    }),
  )
}

function parseRecord(text: string): Running | undefined {
  try {
    return running.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
