/** How the commands of another terminal find what runs in this project: a file that lives as long as the process. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import path from "node:path"
import { z } from "zod"
import { getOwnProcess, isAlive } from "../local/process-identity.ts"

const running = z.object({
  process: z.object({ pid: z.number(), began: z.string() }),
  api_url: z.string(),
  database_url: z.string(),
  temporal: z.object({ address: z.string(), namespace: z.string() }),
})
export type Running = z.infer<typeof running>

function fileOf(stateDir: string): string {
  return path.join(stateDir, "running.json")
}

/** Returns what takes it back. The file holds the database's password: only its owner may read it. */
export async function announce(
  stateDir: string,
  facts: Omit<Running, "process">,
): Promise<() => Promise<void>> {
  const own = getOwnProcess()
  await mkdir(stateDir, { recursive: true })
  await rm(fileOf(stateDir), { force: true })
  await writeFile(fileOf(stateDir), JSON.stringify({ process: own, ...facts }), { mode: 0o600 })
  return async () => {
    // Another process may have announced itself since.
    if ((await read(stateDir))?.process.pid === own.pid) await rm(fileOf(stateDir), { force: true })
  }
}

/** `undefined` when nothing was announced, or when the process that did is gone. */
export async function findRunning(stateDir: string): Promise<Running | undefined> {
  const found = await read(stateDir)
  return found !== undefined && isAlive(found.process) ? found : undefined
}

async function read(stateDir: string): Promise<Running | undefined> {
  try {
    return running.parse(JSON.parse(await readFile(fileOf(stateDir), "utf8")))
  } catch {
    return undefined
  }
}
