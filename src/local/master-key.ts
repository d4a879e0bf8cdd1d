/** The master key of a project that runs on this machine: a file that only its owner may read. */
import { randomBytes } from "node:crypto"
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import path from "node:path"

export interface LocalMasterKey {
  text: string
  file: string
  origin: "made" | "found"
}

/** Two starts at the same time get the same key. @throws when the directory cannot be written. */
export async function openLocalMasterKey(stateDir: string): Promise<LocalMasterKey> {
  const file = path.join(stateDir, "master.key")
  const found = await readKey(file)
  if (found !== undefined) return { text: found, file, origin: "found" }
  await mkdir(stateDir, { recursive: true })
  const draft = `${file}.${randomBytes(8).toString("hex")}`
  await writeFile(draft, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" })
  try {
    // Unlike a rename it replaces nothing, and unlike a write nobody sees half of it.
    await link(draft, file)
  } catch (thrown) {
    if (!hasCode(thrown, "EEXIST")) throw thrown
  } finally {
    await rm(draft, { force: true })
  }
  return { text: await readFile(file, "utf8"), file, origin: "made" }
}

async function readKey(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8")
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return undefined
    throw thrown
  }
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code
}
