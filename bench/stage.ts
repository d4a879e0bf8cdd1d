/** The servers of one turn: private, fresh, and gone at its end. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { createStopList, type StopList } from "../src/app/stop-list.ts"
import { startChild } from "../src/local/children.ts"
import type { LocalContext } from "../src/local/context.ts"
import { findFreePort } from "../src/local/free-port.ts"
import { startPostgres } from "../src/local/postgres.ts"
import { startTemporal } from "../src/local/temporal.ts"
import { until } from "../test/helpers/until.ts"
import { toConnections } from "./workloads.ts"

export interface Stage {
  temporal: { address: string; pid: number }
  targetUrl: string
  stops: StopList
}

/** The in-memory server slows down as it fills, so that no two turns may share one. */
export async function openStage(): Promise<Stage> {
  const stops = createStopList()
  const target = await startTarget()
  stops.add("the target", () => endWithInput(target.child))
  const temporal = await startTemporal({ ...localContext(), state: "throwaway", ui: "off" })
  stops.add("Temporal", temporal.stop)
  return { temporal, targetUrl: target.url, stops }
}

export interface Product {
  apiUrl: string
  pid: number
  postgresPid: number
  databaseUrl: string
}

/** `holdfast start` as users run it, on a fresh Postgres. */
export async function startProduct(stage: Stage, execArgv: string[] = []): Promise<Product> {
  const local = localContext()
  const postgres = await startPostgres({ ...local, state: "throwaway" })
  stage.stops.add("Postgres", postgres.stop)
  const home = await mkdtemp(path.join(tmpdir(), "holdfast-bench-"))
  const connections = path.join(home, "connections.json")
  await writeFile(connections, JSON.stringify(toConnections(stage.targetUrl)))
  const port = await findFreePort()
  const logFile = path.join(local.stateDir, "logs", "bench.log")
  const child = await startChild({
    name: "holdfast",
    stateDir: local.stateDir,
    command: process.execPath,
    args: [...execArgv, inPackage("bin/holdfast.js"), "start", "--local"],
    cwd: home,
    environment: {
      PATH: process.env.PATH,
      HOME: home,
      DATABASE_URL: postgres.url,
      TEMPORAL_ADDRESS: stage.temporal.address,
      HTTP_PORT: String(port),
      HOLDFAST_CONNECTIONS: connections,
      LOG_LEVEL: "warn",
    },
    logFile,
    stopSignal: "TERM",
    scratch: home,
  })
  stage.stops.add("Holdfast", child.stop)
  const apiUrl = `http://127.0.0.1:${port}`
  const isReady = async () => {
    if (child.hasEnded()) throw new Error(`holdfast start ended, see ${logFile}`)
    return fetch(`${apiUrl}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  }
  await until(isReady, (ready) => ready, { timeoutMs: 60_000 })
  return { apiUrl, pid: child.pid, postgresPid: postgres.pid, databaseUrl: postgres.url }
}

const inPackage = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url))

function localContext(): LocalContext {
  return {
    stateDir: inPackage(".holdfast"),
    environment: process.env,
    say: (line) => console.error(line),
  }
}

async function startTarget(): Promise<{ child: ChildProcess; url: string }> {
  const program = fileURLToPath(new URL("target.mjs", import.meta.url))
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] })
  const [port] = (await once(createInterface(child.stdout), "line")) as [string]
  return { child, url: `http://127.0.0.1:${port}` }
}

async function endWithInput(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit")
  child.stdin?.end()
  await gone
}
