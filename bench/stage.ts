/** The servers of one turn: private, fresh, and gone at its end. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { createStopList, type StopList } from "../src/app/stop-list.ts"
import type { LocalContext } from "../src/local/context.ts"
import { startPostgres } from "../src/local/postgres.ts"
import { startTemporal } from "../src/local/temporal.ts"
import { createNode, type HoldfastNode } from "../test/helpers/holdfast-node.ts"
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
  node: HoldfastNode
  pid: number
  postgresPid: number
  databaseUrl: string
}

/** `holdfast start` as users run it, on a fresh Postgres. */
export async function startProduct(stage: Stage, execArgv: string[] = []): Promise<Product> {
  const postgres = await startPostgres({ ...localContext(), state: "throwaway" })
  stage.stops.add("Postgres", postgres.stop)
  const node = await createNode({
    databaseUrl: postgres.url,
    temporalAddress: stage.temporal.address,
    namespace: "default",
    connections: toConnections(stage.targetUrl),
    execArgv,
  })
  await node.start()
  stage.stops.add("Holdfast", () => node.stop())
  const { pid } = node
  if (pid === undefined) throw new Error("expected Holdfast to run, it has no process")
  return { node, pid, postgresPid: postgres.pid, databaseUrl: postgres.url }
}

export function localContext(): LocalContext {
  return {
    stateDir: fileURLToPath(new URL("../.holdfast", import.meta.url)),
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
