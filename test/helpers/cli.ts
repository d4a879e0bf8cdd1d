import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const PROGRAM = fileURLToPath(new URL("../../bin/holdfast.js", import.meta.url))

export interface CliRun {
  child: ChildProcess
  /** What came so far. */
  stdout: () => string
  stderr: () => string
  /** Resolves to the exit code; -1 when a signal ended it. */
  ended: Promise<number>
}

export interface CliOptions {
  cwd: string
  environment?: Record<string, string>
}

/** The program as a user starts it, with an environment of its own. */
export function runCli(args: readonly string[], { cwd, environment = {} }: CliOptions): CliRun {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: cwd, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()))
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended: once(child, "close").then(() => child.exitCode ?? -1),
  }
}
