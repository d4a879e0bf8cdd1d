import { access, mkdir, readFile } from "node:fs/promises"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { toError } from "../contract/errors.ts"
import { createScratchName, listLiveChildren, sweepScratch, sweepStaleChildren } from "./child-records.ts"
import { startChild } from "./children.ts"
import type { Child } from "./children.ts"
import type { LocalContext } from "./context.ts"
import { findFreePort } from "./free-port.ts"
import { resolveTemporalCli } from "./temporal-cli.ts"
import type { TemporalCli } from "./temporal-cli.ts"
import { pingTemporal } from "./temporal-ping.ts"
import { DYNAMIC_CONFIG, SEARCH_ATTRIBUTES } from "./temporal-settings.ts"

export interface TemporalOptions extends LocalContext {
  /** `kept` survives a restart; `throwaway` lives in memory. */
  state: "kept" | "throwaway"
  ui: "on" | "off"
  /** Taken when free; the web UI then tries this plus 1000. */
  preferredPort?: number
  /** Created beside `default`. */
  namespaces?: string[]
}

export interface LocalTemporal {
  address: string
  uiUrl?: string
  pid: number
  /** For people: `Temporal (cached)`. */
  description: string
  stop: () => Promise<void>
}

const STARTS = 3

/**
 * Starts a private Temporal development server on free ports of 127.0.0.1, with the settings and search
 * attributes that Holdfast needs. It ends with this process, however that ends.
 * @throws with the ways to get a server when there is none, or with the end of its log when it does not come up.
 */
export async function startTemporal(options: TemporalOptions): Promise<LocalTemporal> {
  await sweepStaleChildren(options.stateDir)
  await sweepScratch(options.stateDir, options.stateDir)
  if (options.state === "kept") await refuseSecondServer(options.stateDir)
  const cli = await resolveTemporalCli(options)
  for (let start = 1; ; start++) {
    const ports = await findPorts(start === 1 ? options.preferredPort : undefined)
    const child = await startServer(cli, options, ports)
    const address = `127.0.0.1:${ports.grpc}`
    try {
      await ready(address, ["default", ...(options.namespaces ?? [])], child)
      return {
        address,
        ...(options.ui === "on" ? { uiUrl: `http://127.0.0.1:${ports.ui}` } : {}),
        pid: child.pid,
        description: `Temporal (${cli.source})`,
        stop: child.stop,
      }
    } catch (thrown) {
      await child.stop()
      const log = (await readFile(logFileOf(options.stateDir), "utf8").catch(() => "")).trimEnd()
      const tail = log.split("\n").slice(-10).join("\n")
      // Somebody took a port between our look and the server's.
      if (tail.includes("address already in use") && start < STARTS) continue
      throw new Error(`Temporal's server did not start: ${toError(thrown).message}\n${tail}`, {
        cause: thrown,
      })
    }
  }
}

/** The address when a Temporal frontend with a namespace `default` listens on its usual port. */
export async function findRunningTemporal(address = "127.0.0.1:7233"): Promise<string | undefined> {
  return pingTemporal(address, "default", 2_000).then(
    () => address,
    () => undefined,
  )
}

/** Whether a server with kept state ran in this project before. */
export async function hasKeptTemporal(stateDir: string): Promise<boolean> {
  return access(databaseOf(path.join(stateDir, "temporal"))).then(
    () => true,
    () => false,
  )
}

function databaseOf(home: string): string {
  return path.join(home, "temporal.db")
}

/** SQLite takes a second writer's lock only until it fails. */
async function refuseSecondServer(stateDir: string): Promise<void> {
  const running = (await listLiveChildren(stateDir)).find((child) => child.name === "temporal-kept")
  if (running !== undefined)
    throw new Error(
      `the Temporal of ${stateDir} already runs for process ${running.parent.pid}: stop that one first, or set TEMPORAL_ADDRESS`,
    )
}

interface Ports {
  grpc: number
  http: number
  ui: number
  metrics: number
}

async function findPorts(preferred: number | undefined): Promise<Ports> {
  const grpc = await findFreePort(preferred)
  const [ui, http, metrics] = [
    await findFreePort(preferred === undefined ? undefined : preferred + 1000),
    await findFreePort(),
    await findFreePort(),
  ]
  return { grpc, ui, http, metrics }
}

async function startServer(cli: TemporalCli, options: TemporalOptions, ports: Ports): Promise<Child> {
  const throwaway = options.state === "throwaway"
  // Also the server's HOME, so that no configuration of the person running us reaches it.
  const home = path.join(options.stateDir, throwaway ? createScratchName() : "temporal")
  await mkdir(home, { recursive: true })
  const args = ["server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error"]
  args.push("--port", String(ports.grpc), "--http-port", String(ports.http))
  args.push("--metrics-port", String(ports.metrics))
  args.push(...(options.ui === "on" ? ["--ui-port", String(ports.ui)] : ["--headless"]))
  if (!throwaway) {
    args.push("--db-filename", databaseOf(home))
    args.push("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL")
  }
  for (const namespace of options.namespaces ?? []) args.push("--namespace", namespace)
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES))
    args.push("--search-attribute", `${name}=${type}`)
  for (const [key, value] of Object.entries(DYNAMIC_CONFIG))
    args.push("--dynamic-config-value", `${key}=${JSON.stringify(value)}`)
  return startChild({
    name: throwaway ? "temporal" : "temporal-kept",
    stateDir: options.stateDir,
    command: cli.file,
    args,
    cwd: home,
    environment: { PATH: "/usr/bin:/bin", HOME: home },
    logFile: logFileOf(options.stateDir),
    stopSignal: "TERM",
    scratch: throwaway ? home : undefined,
  })
}

async function ready(address: string, namespaces: string[], child: Child): Promise<void> {
  const deadline = Date.now() + 60_000
  for (const namespace of namespaces)
    for (;;) {
      if (child.hasEnded()) throw new Error("it ended at once")
      try {
        await pingTemporal(address, namespace, 2_000)
        break
      } catch (thrown) {
        if (Date.now() > deadline) throw thrown
        await sleep(50)
      }
    }
}

function logFileOf(stateDir: string): string {
  return path.join(stateDir, "logs", "temporal.log")
}
