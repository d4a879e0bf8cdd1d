import { execFile } from "node:child_process"
import { constants } from "node:fs"
import { access } from "node:fs/promises"
import path from "node:path"
import { promisify } from "node:util"
import { toError } from "../contract/errors.ts"
import type { LocalContext } from "./context.ts"
import { withFileLock } from "./file-lock.ts"
import { buildTemporalCli, findGo } from "./temporal-build.ts"
import { downloadTemporalCli } from "./temporal-download.ts"

const run = promisify(execFile)

/** Newer tags carry a `replace` directive, which `go install` refuses. */
export const TEMPORAL_CLI_VERSION = "v1.5.1"
/** The first server with the matcher that priorities need. */
const OLDEST_SERVER = [1, 28] as const

export interface TemporalCli {
  file: string
  /** For people: `on PATH`, `cached`, `downloaded`, `built with Go`. */
  source: string
}

/**
 * The Temporal CLI, whose development server we run: `TEMPORAL_CLI_PATH`, PATH, the project's cache, a download,
 * a build with Go. The last two fill the cache; parallel runs wait for the first one.
 * @throws naming every way that was tried and why it failed.
 */
export async function resolveTemporalCli(context: LocalContext): Promise<TemporalCli> {
  const named = context.environment.TEMPORAL_CLI_PATH
  if (named !== undefined && named !== "") {
    const problem = await findProblem(named)
    if (problem !== undefined) throw new Error(`TEMPORAL_CLI_PATH is ${named}, which ${problem}`)
    return { file: named, source: "TEMPORAL_CLI_PATH" }
  }
  const onPath = await findOnPath(context)
  if (onPath !== undefined) return { file: onPath, source: "on PATH" }
  const cached = getCachedCli(context.stateDir)
  if ((await findProblem(cached)) === undefined) return { file: cached, source: "cached" }
  return withFileLock(
    {
      file: path.join(context.stateDir, "cache", "temporal.lock"),
      onWait: (pid, waitedMs) =>
        context.say(
          `Temporal's server is being made by process ${pid}, waiting (${Math.round(waitedMs / 1000)} s)`,
        ),
    },
    () => makeCli(context, cached),
  )
}

export function getCachedCli(stateDir: string): string {
  return path.join(stateDir, "cache", "bin", `temporal-${TEMPORAL_CLI_VERSION}`)
}

async function findOnPath(context: LocalContext): Promise<string | undefined> {
  for (const entry of (context.environment.PATH ?? "").split(path.delimiter)) {
    if (!path.isAbsolute(entry)) continue
    const file = path.join(entry, "temporal")
    if (!(await isExecutable(file))) continue
    const problem = await findProblem(file)
    if (problem === undefined) return file
    context.say(`${file} ${problem}: looking further`)
  }
  return undefined
}

/** Runs under the lock, so another process may have filled the cache meanwhile. */
async function makeCli(context: LocalContext, cached: string): Promise<TemporalCli> {
  if ((await findProblem(cached)) === undefined) return { file: cached, source: "cached" }
  const failures: string[] = []
  try {
    await downloadTemporalCli({ ...context, version: TEMPORAL_CLI_VERSION, target: cached })
    return { file: cached, source: "downloaded" }
  } catch (thrown) {
    failures.push(`download: ${toError(thrown).message}`)
    context.say(`no download of Temporal's server: ${toError(thrown).message}`)
  }
  const go = await findGo(context.environment)
  if (go === undefined) failures.push("build: no Go on PATH or in /usr/local/go")
  else
    try {
      await buildTemporalCli({ context, go, version: TEMPORAL_CLI_VERSION, target: cached })
      return { file: cached, source: "built with Go" }
    } catch (thrown) {
      failures.push(`build: ${toError(thrown).message}`)
    }
  throw new Error(explain(failures))
}

function explain(failures: string[]): string {
  return [
    "no Temporal server could be found or made:",
    ...failures.map((failure) => `  - ${failure}`),
    "One of these helps:",
    "  - TEMPORAL_ADDRESS=host:port of a running server (holdfast start)",
    "  - the Temporal CLI on PATH or in TEMPORAL_CLI_PATH: brew install temporal, or https://docs.temporal.io/cli",
    `  - Go: go install github.com/temporalio/cli/cmd/temporal@${TEMPORAL_CLI_VERSION}`,
  ].join("\n")
}

/** Why a file is not a Temporal CLI we can use, as the end of a sentence. */
async function findProblem(file: string): Promise<string | undefined> {
  if (!(await isExecutable(file))) return "is not an executable file"
  try {
    const { stdout } = await run(file, ["--version"], { env: {}, timeout: 20_000 })
    const server = /Server (\d+)\.(\d+)/.exec(stdout)
    if (server === null) return `does not say which server it holds: ${stdout.trim().slice(0, 100)}`
    const [major, minor] = [Number(server[1]), Number(server[2])]
    const isOld = major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])
    return isOld ? `holds server ${major}.${minor}, older than ${OLDEST_SERVER.join(".")}` : undefined
  } catch (thrown) {
    return `does not run: ${toError(thrown).message}`
  }
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}
