import { randomUUID } from "node:crypto"
import { readdir, readFile, rm } from "node:fs/promises"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import { findProcess, isAlive } from "./process-identity.ts"
import type { ProcessIdentity } from "./process-identity.ts"

const processIdentity = z.object({ pid: z.number().int().positive(), began: z.string() })
const childRecord = z.object({
  name: z.string(),
  server: processIdentity,
  guard: processIdentity.nullable(),
  parent: processIdentity,
  stop_signal: z.enum(["INT", "TERM"]),
  scratch: z.string().nullable(),
})
export type ChildRecord = z.infer<typeof childRecord>

/** Directories that a sweep may remove carry this in their name, and after it the pid of who made them. */
export const SCRATCH_PREFIX = "scratch-"

export function createScratchName(): string {
  return `${SCRATCH_PREFIX}${process.pid}-${randomUUID()}`
}

export function childRecords(stateDir: string): string {
  return path.join(stateDir, "children")
}

/** Children of this project that live, whoever started them. */
export async function listLiveChildren(stateDir: string): Promise<ChildRecord[]> {
  const records = await readRecords(stateDir)
  return records.flatMap(({ record }) => (record !== undefined && isAlive(record.server) ? [record] : []))
}

/**
 * Ends servers whose parent and guard both died, and removes what they left. A pid that now belongs to another
 * process, or a child whose parent lives, is never touched. Returns the names of what was ended.
 */
export async function sweepStaleChildren(stateDir: string): Promise<string[]> {
  const swept: string[] = []
  for (const { file, record } of await readRecords(stateDir)) {
    if (record !== undefined && isAlive(record.parent)) continue
    if (record !== undefined) {
      if (isAlive(record.server)) {
        await end(record.server, record.stop_signal)
        swept.push(record.name)
      }
      if (record.guard !== null) await gone(record.guard, 2_000)
      if (record.scratch !== null && path.basename(record.scratch).startsWith(SCRATCH_PREFIX))
        await rm(record.scratch, { recursive: true, force: true })
    }
    await rm(file, { force: true })
  }
  return swept
}

/** Removes scratch directories in `directory` whose maker died before it had a server to remove them. */
export async function sweepScratch(directory: string, stateDir: string): Promise<void> {
  const inUse = new Set((await listLiveChildren(stateDir)).map((child) => child.scratch))
  for (const name of await readdir(directory).catch(() => [])) {
    const maker = /^scratch-(\d+)-/.exec(name)?.[1]
    const place = path.join(directory, name)
    if (maker === undefined || findProcess(Number(maker)) !== undefined || inUse.has(place)) continue
    // What the dead one had begun may still be writing for a moment: then the next sweep gets it.
    await rm(place, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function readRecords(stateDir: string): Promise<{ file: string; record: ChildRecord | undefined }[]> {
  const directory = childRecords(stateDir)
  const names = await readdir(directory).catch(() => [])
  return Promise.all(
    names.map(async (name) => {
      const file = path.join(directory, name)
      return { file, record: parseRecord(await readFile(file, "utf8").catch(() => "")) }
    }),
  )
}

function parseRecord(text: string): ChildRecord | undefined {
  try {
    return childRecord.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

async function end(server: ProcessIdentity, signal: "INT" | "TERM"): Promise<void> {
  send(server, `SIG${signal}`)
  if (await gone(server, 10_000)) return
  send(server, "SIGKILL")
  if (!(await gone(server, 5_000)))
    throw new Error(`process ${server.pid}, left over from an earlier run, does not end: stop it by hand`)
}

function send(server: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(server)) return
  try {
    process.kill(server.pid, signal)
  } catch {
    // It ended between the two lines, or belongs to another user: `gone` finds out which.
  }
}

async function gone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (isAlive(identity)) {
    if (Date.now() > deadline) return false
    await sleep(25)
  }
  return true
}
