import { mkdtemp, readdir, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { openLocalMasterKey } from "./master-key.ts"

test("openLocalMasterKey() makes one key, however many ask at once, and finds it again", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-key-"))
  onTestFinished(() => rm(directory, { recursive: true }))
  const stateDir = path.join(directory, "state")
  const made = await Promise.all(Array.from({ length: 8 }, () => openLocalMasterKey(stateDir)))
  const found = await openLocalMasterKey(stateDir)
  expect(found.origin).toBe("found")
  expect(Buffer.from(found.text, "base64")).toHaveLength(32)
  for (const { text } of made) expect(text).toBe(found.text)
  expect((await stat(found.file)).mode & 0o777).toBe(0o600)
  expect(await readdir(stateDir)).toEqual(["master.key"])
})
