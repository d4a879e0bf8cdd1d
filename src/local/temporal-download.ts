import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { chmod, mkdir, rename, rm } from "node:fs/promises"
import path from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { z } from "zod"
import { toError } from "../contract/errors.ts"

const downloadInfo = z.object({ archiveUrl: z.url(), fileToExtract: z.string() })

export interface TemporalDownloadOptions {
  /** A tag of the CLI, with its `v`. */
  version: string
  /** Where the executable goes, atomically. */
  target: string
  say: (line: string) => void
  downloadOrigin?: string
}

/**
 * Downloads the Temporal CLI the way Temporal's own SDKs do: ask the index for the archive's place, then take one
 * file out of it. @throws within seconds when the network is closed.
 */
export async function downloadTemporalCli(options: TemporalDownloadOptions): Promise<void> {
  const info = await askIndex(options)
  const directory = `${options.target}.${randomUUID()}`
  await mkdir(directory, { recursive: true })
  try {
    options.say(`downloading Temporal's server ${options.version}`)
    const archive = await fetch(info.archiveUrl, { signal: AbortSignal.timeout(300_000) })
    if (!archive.ok || archive.body === null) throw new Error(`${info.archiveUrl} answered ${archive.status}`)
    await unpack(Readable.fromWeb(archive.body), directory, info.fileToExtract)
    const file = path.join(directory, info.fileToExtract)
    await chmod(file, 0o755)
    await rename(file, options.target)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function askIndex(options: TemporalDownloadOptions): Promise<z.infer<typeof downloadInfo>> {
  const index = new URL(`/cli/${options.version}`, options.downloadOrigin ?? "https://temporal.download")
  index.searchParams.set("arch", process.arch === "x64" ? "amd64" : process.arch)
  index.searchParams.set("platform", process.platform)
  try {
    const answer = await fetch(index, { signal: AbortSignal.timeout(10_000) })
    if (!answer.ok) throw new Error(`it answered ${answer.status}`)
    return downloadInfo.parse(await answer.json())
  } catch (thrown) {
    const error = toError(thrown)
    // fetch says only "fetch failed"; why is in its cause.
    throw new Error(`${index.host}: ${toError(error.cause ?? error).message}`, { cause: thrown })
  }
}

async function unpack(archive: Readable, directory: string, file: string): Promise<void> {
  const tar = spawn("tar", ["-xzf", "-", "-C", directory, file], { stdio: ["pipe", "ignore", "pipe"] })
  let complaint = ""
  tar.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()))
  const ended = new Promise<void>((resolve, reject) => {
    tar.once("error", reject)
    tar.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`tar failed: ${complaint.trim()}`)),
    )
  })
  const [piped, unpacked] = await Promise.allSettled([pipeline(archive, tar.stdin), ended])
  if (unpacked.status === "rejected") throw toError(unpacked.reason)
  if (piped.status === "rejected") throw toError(piped.reason)
}
