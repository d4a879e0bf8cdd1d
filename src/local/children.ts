/**
 * Servers that must not outlive us. Each runs under a small shell, its guard, which holds the reading end of a
 * pipe whose writing end only we have: when we stop it, exit or are killed, the pipe ends and the guard stops
 * the server. A record of pid and start time covers the guard's own death; the next start sweeps those.
 */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs"
import path from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { toError } from "../contract/errors.ts"
import { childRecords } from "./child-records.ts"
import type { ChildRecord } from "./child-records.ts"
import type { Environment } from "./context.ts"
import { findProcess, getOwnProcess } from "./process-identity.ts"

export interface ChildOptions {
  /** For messages and the record: `postgres`, `temporal`. */
  name: string
  stateDir: string
  command: string
  args: string[]
  cwd: string
  environment: Environment
  /** Takes the output of server and guard; a pipe would break when we die before them. */
  logFile: string
  /** What asks the server to end. Not INT for programs that honour its being ignored. */
  stopSignal: "INT" | "TERM"
  /** Until SIGKILL follows; default 10. */
  graceSeconds?: number
  /** Whom to run as, when we are root and the server refuses to be. */
  owner?: { uid: number; gid: number } | undefined
  /** A directory that the guard removes when the server has ended. */
  scratch?: string | undefined
}

export interface Child {
  /** The server's own process, not its guard. */
  pid: number
  /** Resolves when the server has ended and its scratch directory is gone, with the exit code (128 + signal). */
  ended: Promise<number>
  hasEnded: () => boolean
  stop: () => Promise<void>
}

// POSIX only: this runs under dash, ash, bash and zsh. Background jobs ignore INT unless they ask for it.
const GUARD = `
signal=$1; grace=$2; scratch=$3; shift 3
exec 4<&0 </dev/null
"$@" 3>&- 4<&- &
child=$!
echo "$child" >&3
exec 3>&-
{
  while read -r _; do :; done
  kill -s "$signal" "$child"
  n=0; while [ "$n" -lt "$grace" ]; do sleep 1; n=$((n + 1)); done
  kill -s KILL "$child"
} <&4 2>/dev/null &
exec 4<&-
wait "$child"
status=$?
if [ -n "$scratch" ]; then rm -rf -- "$scratch"; fi
trap '' TERM
kill -s TERM 0
exit "$status"
`

/** @throws when the guard cannot be started; a server that ends at once is seen by `ended`. */
export async function startChild(options: ChildOptions): Promise<Child> {
  mkdirSync(path.dirname(options.logFile), { recursive: true })
  const log = openSync(options.logFile, "a")
  const guard = spawn(
    "/bin/sh",
    [
      "-c",
      GUARD,
      "holdfast",
      options.stopSignal,
      String(options.graceSeconds ?? 10),
      options.scratch ?? "",
      options.command,
      ...options.args,
    ],
    {
      detached: true,
      stdio: ["pipe", log, log, "pipe"],
      cwd: options.cwd,
      env: definedOnly(options.environment),
      ...options.owner,
    },
  )
  closeSync(log)
  const ended = endOf(guard)
  // An early failure must not count as unhandled before somebody awaits it.
  ended.catch(() => undefined)
  const pid = await readPid(guard, options.name)
  const forget = record(guard, pid, options)
  let over = false
  const finished = ended.finally(() => {
    over = true
    forget()
  })
  letGo(guard)
  return {
    pid,
    ended: finished,
    hasEnded: () => over,
    stop: async () => {
      guard.ref()
      guard.stdin?.end()
      await finished
    },
  }
}

function endOf(guard: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    guard.once("error", reject)
    guard.once("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 137)))
    // The guard reads and never writes: an error here means that it is gone, which `exit` reports.
    guard.stdin?.on("error", () => undefined)
  })
}

async function readPid(guard: ChildProcess, name: string): Promise<number> {
  // stdio[3] is the fourth "pipe" above, hence a readable stream.
  const pipe = guard.stdio[3] as Readable
  const failed = new Promise<never>((_resolve, reject) => guard.once("error", reject))
  try {
    const line = await Promise.race([
      failed,
      (async () => {
        for await (const first of createInterface(pipe)) return first
        return ""
      })(),
    ])
    const pid = Number(line)
    if (!Number.isInteger(pid) || pid <= 0) throw new Error(`its guard said "${line}" instead of a pid`)
    return pid
  } catch (thrown) {
    throw new Error(`${name} could not be started: ${toError(thrown).message}`, { cause: thrown })
  } finally {
    pipe.destroy()
  }
}

function record(guard: ChildProcess, pid: number, options: ChildOptions): () => void {
  const server = findProcess(pid)
  if (server === undefined) return () => undefined
  const entry: ChildRecord = {
    name: options.name,
    server,
    guard: guard.pid === undefined ? null : (findProcess(guard.pid) ?? null),
    parent: getOwnProcess(),
    stop_signal: options.stopSignal,
    scratch: options.scratch ?? null,
  }
  const file = path.join(childRecords(options.stateDir), `${options.name}-${pid}.json`)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(entry))
  return () => rmSync(file, { force: true })
}

/** A server must not keep our event loop alive: its end follows ours. */
function letGo(guard: ChildProcess): void {
  guard.unref()
  // Pipes of child processes are sockets underneath, which is what has `unref`.
  ;(guard.stdin as unknown as { unref?: () => void } | null)?.unref?.()
}

function definedOnly(environment: Environment): Record<string, string> {
  const entries = Object.entries(environment)
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined))
}
