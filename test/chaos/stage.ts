/** Where the transactions of a chaos run take place: every target, our own Postgres, and two processes of ours. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { withStopList } from "../../src/app/stop-list.ts"
import { type LocalPostgres, startPostgres } from "../../src/local/postgres.ts"
import { testTemporal } from "../helpers/temporal.ts"
import type { RecordsPlace } from "./check-records.ts"
import { type Cluster, startCluster } from "./cluster.ts"
import { startWorld, type World } from "./world.ts"

export interface Stage extends RecordsPlace {
  world: World
  cluster: Cluster
  /** Stops our own Postgres, or kills it, and starts it again on its data and its port. */
  outage(ms: number, signal: "SIGINT" | "SIGKILL"): Promise<void>
  stop(): Promise<void>
}

/** @param ids of the transactions; there is one thing of each in stock. */
export function startStage(ids: readonly string[]): Promise<Stage> {
  return withStopList(async (stops) => {
    const stateDir = await mkdtemp(path.join(tmpdir(), "holdfast-chaos-"))
    stops.add("the directory", () => rm(stateDir, { recursive: true, force: true }))
    const startOurs = (port?: number): Promise<LocalPostgres> =>
      startPostgres({
        stateDir,
        environment: process.env,
        say: () => {},
        state: "kept",
        ...(port === undefined ? {} : { preferredPort: port }),
      })
    let postgres = await startOurs()
    stops.add("our Postgres", () => postgres.stop())
    const temporal = await testTemporal()
    const world = await startWorld(ids)
    stops.add("the targets", () => world.stop())
    const cluster = await startCluster(2, {
      databaseUrl: postgres.url,
      temporalAddress: temporal.address,
      namespace: temporal.namespace,
      connections: world.connections,
      secrets: world.secrets,
    })
    stops.add("the cluster", () => cluster.stop())
    return {
      world,
      cluster,
      temporal,
      databaseUrl: postgres.url,
      async outage(ms, signal) {
        process.kill(postgres.pid, signal)
        await postgres.stop()
        await sleep(ms)
        postgres = await startOurs(postgres.port)
      },
      stop: stops.stop,
    }
  })
}
