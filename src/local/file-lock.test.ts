import { spawnSync } from "node:child_process"
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { withFileLock } from "./file-lock.ts"
import { getOwnProcess } from "./process-identity.ts"

describe("withFileLock()", () => {
  let directory: string
  const onWait = (): void => undefined
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "holdfast-lock-"))
  })
  afterEach(() => rm(directory, { recursive: true }))

  test("lets one at a time in, and leaves no file", async () => {
    const file = path.join(directory, "lock")
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      inside++
      most = Math.max(most, inside)
      await sleep(20)
      inside--
    }
    await Promise.all([1, 2, 3].map(() => withFileLock({ file, onWait }, work)))
    expect(most).toBe(1)
    expect(await readdir(directory)).toEqual([])
  })

  test("is free again after the work threw", async () => {
    const file = path.join(directory, "lock")
    await expect(withFileLock({ file, onWait }, () => Promise.reject(new Error("broke")))).rejects.toThrow(
      "broke",
    )
    expect(await withFileLock({ file, onWait }, () => Promise.resolve("in"))).toBe("in")
  })

  test("takes over the lock of a process that is gone", async () => {
    const file = path.join(directory, "lock")
    const { pid } = spawnSync("true")
    await writeFile(file, JSON.stringify({ pid, began: "before" }))
    expect(await withFileLock({ file, onWait }, () => Promise.resolve("in"))).toBe("in")
  })

  test("takes over the lock of a pid that now belongs to another process", async () => {
    const file = path.join(directory, "lock")
    await writeFile(file, JSON.stringify({ ...getOwnProcess(), began: "an earlier life" }))
    expect(await withFileLock({ file, onWait }, () => Promise.resolve("in"))).toBe("in")
  })
})
