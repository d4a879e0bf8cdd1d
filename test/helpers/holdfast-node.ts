import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import type { Connection } from "../../src/contract/connections.ts"
import { toError } from "../../src/contract/errors.ts"
import type { Role } from "../../src/contract/roles.ts"
import { findFreePort } from "../../src/local/free-port.ts"
import { until } from "./until.ts"

const PROGRAM = fileURLToPath(new URL("../../bin/holdfast.js", import.meta.url))

/** In characters. */
const MOST_SAID = 4_000

export interface NodeTargets {
  databaseUrl: string
  temporalAddress: string
  namespace: string
  connections: Connection[]
  secrets?: Record<string, string>
  /** All unless said. */
  role?: Role
  /** Given, it runs in server mode, where calls reach private addresses in these ranges only. */
  allowedRanges?: string
  /** Of each of its threads; Node's own unless said. */
  heapMib?: number
}

/** One `holdfast start` process, to be killed and started again. */
export interface HoldfastNode {
  readonly url: string
  start(): Promise<void>
  /** SIGKILL; returns when the process is gone. @throws when it had ended by itself. */
  kill(): Promise<void>
  /** SIGTERM. @throws when it had ended by itself, or does not end with 0. */
  stop(): Promise<void>
  /** The last of what its processes warned of and more, the killed ones too. */
  said(): string
}

export async function createNode(targets: NodeTargets): Promise<HoldfastNode> {
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-node-"))
  const connectionsFile = path.join(directory, "connections.json")
  const secretsFile = path.join(directory, "secrets.json")
  await writeFile(connectionsFile, JSON.stringify(targets.connections))
  await writeFile(secretsFile, JSON.stringify(targets.secrets ?? {}), { mode: 0o600 })
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const heap = targets.heapMib === undefined ? [] : [`--max-old-space-size=${targets.heapMib}`]
  const mode =
    targets.allowedRanges === undefined
      ? { flags: ["--local"], variables: {} }
      : { flags: ["--auth", "off"], variables: { HOLDFAST_ALLOWED_RANGES: targets.allowedRanges } }
  let child: ChildProcess | undefined
  let output = ""
  let saidBefore = ""

  /** @returns undefined when none runs. */
  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<ChildProcess | undefined> => {
    const ended = child
    child = undefined
    if (!ended) return undefined
    if (hasEnded(ended)) throw new Error(`holdfast ended by itself: ${describeEnd(ended)}: ${output}`)
    const gone = once(ended, "exit")
    ended.kill(signal)
    await gone
    return ended
  }

  return {
    url,
    said: () => saidBefore + output,
    async start() {
      saidBefore = (saidBefore + output).slice(-MOST_SAID)
      output = ""
      const started = spawn(
        process.execPath,
        [...heap, PROGRAM, "start", ...mode.flags, "--role", targets.role ?? "all"],
        {
          cwd: directory,
          stdio: ["ignore", "pipe", "pipe"],
          env: {
            PATH: process.env.PATH,
            HOME: directory,
            DATABASE_URL: targets.databaseUrl,
            TEMPORAL_ADDRESS: targets.temporalAddress,
            TEMPORAL_NAMESPACE: targets.namespace,
            HTTP_PORT: String(port),
            HOLDFAST_STATE_DIR: path.join(directory, "state"),
            HOLDFAST_CONNECTIONS: connectionsFile,
            HOLDFAST_SECRETS: secretsFile,
            LOG_LEVEL: "warn",
            ...mode.variables,
          },
        },
      )
      child = started
      for (const stream of [started.stdout, started.stderr])
        stream.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-MOST_SAID)))
      try {
        await until(
          async () => {
            if (hasEnded(started)) throw new Error(`holdfast start ended: ${describeEnd(started)}`)
            return fetch(`${url}/readyz`).then(
              (response) => response.ok,
              () => false,
            )
          },
          // It answers a moment before it can be stopped well.
          (isReady) => isReady && output.includes("Ctrl-C stops it"),
          { timeoutMs: 120_000 },
        )
      } catch (thrown) {
        child = undefined
        started.kill("SIGKILL")
        throw new Error(`${toError(thrown).message}: ${output}`, { cause: thrown })
      }
    },
    async kill() {
      const killed = await end("SIGKILL")
      if (killed && killed.signalCode !== "SIGKILL")
        throw new Error(`holdfast ended by itself: ${describeEnd(killed)}: ${output}`)
    },
    async stop() {
      try {
        const stopped = await end("SIGTERM")
        if (stopped && stopped.exitCode !== 0)
          throw new Error(`holdfast did not stop well: ${describeEnd(stopped)}: ${output}`)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}

function describeEnd({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ?? `exit code ${exitCode}`
}
