import { execFile } from "node:child_process"
import { mkdir, readFile, rename, rm } from "node:fs/promises"
import path from "node:path"
import { promisify } from "node:util"
import { SCRATCH_PREFIX } from "./child-records.ts"
import { startChild } from "./children.ts"
import type { Environment, LocalContext } from "./context.ts"

const run = promisify(execFile)

/** A Go tool that runs, from PATH or the place where its own installer puts it. */
export async function findGo(environment: Environment): Promise<string | undefined> {
  const directories = [...(environment.PATH ?? "").split(path.delimiter), "/usr/local/go/bin"]
  for (const directory of directories.filter((part) => path.isAbsolute(part))) {
    const go = path.join(directory, "go")
    try {
      await run(go, ["version"], { env: { HOME: "/nonexistent", GOTOOLCHAIN: "local" } })
      return go
    } catch {
      // Not there, or not a Go tool: the next one.
    }
  }
  return undefined
}

export interface TemporalBuildOptions {
  context: LocalContext
  go: string
  version: string
  /** Where the executable goes, atomically. */
  target: string
}

const MODULE = "github.com/temporalio/cli/cmd/temporal"
const PROGRESS_EVERY_MS = 5_000

/**
 * Builds the Temporal CLI with `go install`: about three minutes on two cores. Works without HOME. What the build
 * keeps for itself goes to a directory that is removed afterwards, unless Go's own variables name a place.
 */
export async function buildTemporalCli({
  context,
  go,
  version,
  target,
}: TemporalBuildOptions): Promise<void> {
  const work = path.join(context.stateDir, "cache", `${SCRATCH_PREFIX}go`)
  const built = `${target}.new`
  const logFile = path.join(context.stateDir, "logs", "temporal-build.log")
  await rm(work, { recursive: true, force: true })
  await rm(logFile, { force: true })
  await mkdir(work, { recursive: true })
  context.say(`building Temporal's server ${version} with Go: once, about three to five minutes`)
  const child = await startChild({
    name: "temporal-build",
    stateDir: context.stateDir,
    // Whatever else runs meanwhile, such as unit tests with their time limits, goes first.
    command: "nice",
    // -v names each package when it is compiled, which is all the progress there is.
    args: ["-n", "10", go, "install", "-v", "-ldflags=-s -w", `${MODULE}@${version}`],
    cwd: work,
    environment: goEnvironment(context.environment, { work, built }),
    logFile,
    stopSignal: "TERM",
    // Gigabytes: they go also when the build is interrupted.
    scratch: work,
  })
  const progress = reportProgress(context, logFile)
  try {
    const code = await child.ended
    const log = (await readFile(logFile, "utf8").catch(() => "")).trim()
    if (code !== 0) throw new Error(`go install ended with ${code}: ${log.split("\n").slice(-5).join("\n")}`)
    await mkdir(path.dirname(target), { recursive: true })
    await rename(path.join(built, "temporal"), target)
  } finally {
    clearInterval(progress)
    await child.stop()
    await rm(built, { recursive: true, force: true })
  }
}

function goEnvironment(
  environment: Environment,
  { work, built }: { work: string; built: string },
): Environment {
  const at = (name: string): string => path.join(work, name)
  return {
    ...environment,
    PATH: `${environment.PATH ?? ""}:/usr/bin:/bin`,
    HOME: environment.HOME ?? work,
    GOPATH: environment.GOPATH ?? at("path"),
    GOCACHE: environment.GOCACHE ?? at("build"),
    GOMODCACHE: environment.GOMODCACHE ?? at("modules"),
    GOBIN: built,
    // A module cache is read-only by default, which makes it awkward to remove.
    GOFLAGS: `${environment.GOFLAGS ?? ""} -modcacherw`.trim(),
    CGO_ENABLED: "0",
    GOWORK: "off",
  }
}

function reportProgress(context: LocalContext, logFile: string): NodeJS.Timeout {
  const began = Date.now()
  return setInterval(() => {
    void (async () => {
      // Reading fails only before the log is there.
      const lines = (await readFile(logFile, "utf8").catch(() => ""))
        .split("\n")
        .filter((line) => line !== "")
      const fetched = lines.filter((line) => line.startsWith("go: downloading")).length
      const seconds = Math.round((Date.now() - began) / 1000)
      const compiled = lines.length - fetched
      context.say(
        `building Temporal's server: ${seconds} s, ${fetched} modules fetched, ${compiled} packages compiled`,
      )
    })()
  }, PROGRESS_EVERY_MS)
}
