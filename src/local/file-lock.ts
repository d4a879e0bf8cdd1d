import { randomUUID } from "node:crypto"
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { getOwnProcess, isAlive } from "./process-identity.ts"
import type { ProcessIdentity } from "./process-identity.ts"

export interface FileLockOptions {
  file: string
  /** Called about every five seconds while another process holds the lock. */
  onWait: (holderPid: number, waitedMs: number) => void
}

/**
 * Runs `work` while no other process holds the same lock file. A lock whose holder died is taken over; two that
 * take it over in the same instant may both run, so `work` must put its result in place atomically.
 */
export async function withFileLock<T>(options: FileLockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(path.dirname(options.file), { recursive: true })
  await acquire(options)
  try {
    return await work()
  } finally {
    await rm(options.file, { force: true })
  }
}

async function acquire({ file, onWait }: FileLockOptions): Promise<void> {
  const own = `${file}.${randomUUID()}`
  await writeFile(own, JSON.stringify(getOwnProcess()))
  const began = Date.now()
  let told = began
  try {
    for (;;) {
      if (await take(own, file)) return
      const holder = await readHolder(file)
      if (holder === undefined || !isAlive(holder)) {
        await rm(file, { force: true })
        continue
      }
      if (Date.now() - told >= 5_000) {
        told = Date.now()
        onWait(holder.pid, told - began)
      }
      await sleep(250)
    }
  } finally {
    await rm(own, { force: true })
  }
}

/** `link` creates the lock with its content in one step, or fails when it exists. */
async function take(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file)
    return true
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST") return false
    throw thrown
  }
}

async function readHolder(file: string): Promise<ProcessIdentity | undefined> {
  try {
    // Written by `acquire` alone, and whole: it came by `link`.
    return JSON.parse(await readFile(file, "utf8")) as ProcessIdentity
  } catch {
    return undefined
  }
}
