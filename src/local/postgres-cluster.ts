import { execFile } from "node:child_process"
import { randomBytes, randomUUID } from "node:crypto"
import { chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import path from "node:path"
import { promisify } from "node:util"
import { toError } from "../contract/errors.ts"
import type { PostgresBinaries } from "./postgres-binaries.ts"
import type { PostgresHome } from "./postgres-home.ts"

const run = promisify(execFile)

export const POSTGRES_USER = "holdfast"

/** A data directory on disk; not running. */
export interface Cluster {
  dataDir: string
  password: string
}

/** The major version that made a data directory, or undefined when there is none. */
export async function readClusterMajor(dir: string): Promise<number | undefined> {
  const text = await readFile(path.join(dir, "data", "PG_VERSION"), "utf8").catch(() => undefined)
  return text === undefined ? undefined : Number(text)
}

export async function openCluster(dir: string): Promise<Cluster> {
  const password = (await readFile(path.join(dir, "password"), "utf8")).trim()
  return { dataDir: path.join(dir, "data"), password }
}

/**
 * Makes `<dir>/data` and `<dir>/password`. Always with a password, also for throwaway data: on a shared machine
 * anybody can connect to loopback, and a superuser can run programs.
 */
export async function createCluster(
  dir: string,
  binaries: PostgresBinaries,
  home: PostgresHome,
): Promise<Cluster> {
  const password = randomBytes(24).toString("base64url")
  const passwordFile = path.join(dir, "password")
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  if (home.owner !== undefined) {
    await chown(dir, home.owner.uid, home.owner.gid)
    await chown(passwordFile, home.owner.uid, home.owner.gid)
  }
  const staging = path.join(dir, `data.${randomUUID()}`)
  try {
    await initialise(staging, passwordFile, binaries, home)
    // In place only when whole: a kill during initdb leaves no half directory behind.
    await rename(staging, path.join(dir, "data"))
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
  return { dataDir: path.join(dir, "data"), password }
}

async function initialise(
  dataDir: string,
  passwordFile: string,
  binaries: PostgresBinaries,
  home: PostgresHome,
): Promise<void> {
  const args = ["-D", dataDir, "-U", POSTGRES_USER, "--auth=scram-sha-256", `--pwfile=${passwordFile}`]
  args.push("--encoding=UTF8", "--no-sync", ...localeOf(binaries.major))
  try {
    await run(path.join(binaries.dir, "initdb"), args, {
      ...home.owner,
      cwd: home.dir,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    })
  } catch (thrown) {
    const { stderr } = thrown as { stderr?: string }
    throw new Error(`initdb of ${binaries.dir} failed: ${stderr?.trim() || toError(thrown).message}`, {
      cause: thrown,
    })
  }
}

/** The built-in provider came with 17; before, libc has C.UTF-8 on Linux, and on macOS plain C does. */
function localeOf(major: number): string[] {
  if (major >= 17) return ["--locale-provider=builtin", "--locale=C.UTF-8"]
  return [process.platform === "linux" ? "--locale=C.UTF-8" : "--locale=C"]
}
