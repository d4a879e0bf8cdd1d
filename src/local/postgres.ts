import { readFile } from "node:fs/promises"
import path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import type { ClientConfig } from "pg"
import { toError } from "../contract/errors.ts"
import { createScratchName, listLiveChildren, sweepScratch, sweepStaleChildren } from "./child-records.ts"
import { startChild } from "./children.ts"
import type { Child } from "./children.ts"
import type { LocalContext } from "./context.ts"
import { findFreePort } from "./free-port.ts"
import { explainNoPostgres, listPostgresBinaries } from "./postgres-binaries.ts"
import type { PostgresBinaries } from "./postgres-binaries.ts"
import { createCluster, openCluster, POSTGRES_USER, readClusterMajor } from "./postgres-cluster.ts"
import type { Cluster } from "./postgres-cluster.ts"
import { openPostgresHome } from "./postgres-home.ts"
import type { PostgresHome } from "./postgres-home.ts"

export interface PostgresOptions extends LocalContext {
  /** `kept` survives a restart; `throwaway` begins empty, skips fsync and is removed at the end. */
  state: "kept" | "throwaway"
  /** Taken when free. */
  preferredPort?: number
  /** Only binaries of this origin; default any. */
  source?: PostgresBinaries["source"]
}

export interface LocalPostgres {
  /** Of the database `holdfast`, as its superuser, with the password in it. */
  url: string
  port: number
  pid: number
  /** For people: `PostgreSQL 15 (system)`. */
  description: string
  stop: () => Promise<void>
}

const DATABASE = "holdfast"
const STARTS = 3

/**
 * Starts a private Postgres on a free port of 127.0.0.1, without a Unix socket, from system binaries or the
 * bundled ones. Works as root. It ends with this process, however that ends.
 * @throws with the end of the server's log when it does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  await sweepStaleChildren(options.stateDir)
  const home = await openPostgresHome(options.stateDir)
  await sweepScratch(home.dir, options.stateDir)
  const dir = path.join(home.dir, options.state === "kept" ? "kept" : createScratchName())
  if (options.state === "kept") await refuseSecondServer(options.stateDir)
  const { cluster, binaries } = await prepareCluster(dir, options, home)
  return launch({ dir, cluster, binaries, home }, options)
}

/** Two servers on one data directory would be refused by Postgres anyhow, but not in these words. */
async function refuseSecondServer(stateDir: string): Promise<void> {
  const running = (await listLiveChildren(stateDir)).find((child) => child.name === "postgres-kept")
  if (running !== undefined)
    throw new Error(
      `the Postgres of ${stateDir} already runs for process ${running.parent.pid}: stop that one first, or set DATABASE_URL`,
    )
}

async function prepareCluster(
  dir: string,
  options: PostgresOptions,
  home: PostgresHome,
): Promise<{ cluster: Cluster; binaries: PostgresBinaries }> {
  const major = await readClusterMajor(dir)
  const failures: Error[] = []
  for await (const binaries of listPostgresBinaries(options, home)) {
    if (options.source !== undefined && options.source !== binaries.source) continue
    if (major === binaries.major) return { cluster: await openCluster(dir), binaries }
    if (major !== undefined) continue
    try {
      return { cluster: await createCluster(dir, binaries, home), binaries }
    } catch (thrown) {
      failures.push(toError(thrown))
      options.say(
        `PostgreSQL ${binaries.major} (${binaries.source}) is not usable: ${toError(thrown).message}`,
      )
    }
  }
  if (failures.length === 0) throw new Error(explainNoPostgres(major))
  throw new AggregateError(failures, "no PostgreSQL found here could make a data directory")
}

interface Prepared {
  dir: string
  cluster: Cluster
  binaries: PostgresBinaries
  home: PostgresHome
}

async function launch(prepared: Prepared, options: PostgresOptions): Promise<LocalPostgres> {
  const { cluster, binaries } = prepared
  for (let start = 1; ; start++) {
    const port = await findFreePort(start === 1 ? options.preferredPort : undefined)
    const child = await startServer(prepared, options, port)
    const address = { host: "127.0.0.1", port, user: POSTGRES_USER, password: cluster.password }
    try {
      await ready(address, child)
      return {
        url: `postgres://${POSTGRES_USER}:${cluster.password}@127.0.0.1:${port}/${DATABASE}`,
        port,
        pid: child.pid,
        description: `PostgreSQL ${binaries.major} (${binaries.source})`,
        stop: child.stop,
      }
    } catch (thrown) {
      await child.stop()
      const log = await readTail(logFileOf(options.stateDir))
      // Somebody took the port between our look and the server's.
      if (log.includes("Address already in use") && start < STARTS) continue
      throw new Error(`PostgreSQL ${binaries.major} did not start: ${toError(thrown).message}\n${log}`, {
        cause: thrown,
      })
    }
  }
}

function startServer(prepared: Prepared, options: PostgresOptions, port: number): Promise<Child> {
  const throwaway = options.state === "throwaway"
  const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300"]
  if (throwaway)
    settings.push(
      "fsync=off",
      "synchronous_commit=off",
      "full_page_writes=off",
      "wal_level=minimal",
      "max_wal_senders=0",
    )
  return startChild({
    name: throwaway ? "postgres" : "postgres-kept",
    stateDir: options.stateDir,
    command: path.join(prepared.binaries.dir, "postgres"),
    args: [
      "-D",
      prepared.cluster.dataDir,
      "-p",
      String(port),
      ...settings.flatMap((setting) => ["-c", setting]),
    ],
    cwd: prepared.home.dir,
    environment: { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    logFile: logFileOf(options.stateDir),
    stopSignal: "INT",
    owner: prepared.home.owner,
    scratch: throwaway ? prepared.dir : undefined,
  })
}

async function ready(address: ClientConfig, child: Child): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    if (child.hasEnded()) throw new Error("it ended at once")
    const client = new Client({ ...address, database: "postgres", connectionTimeoutMillis: 5_000 })
    client.on("error", () => undefined)
    try {
      await client.connect()
      const { rowCount } = await client.query("select from pg_database where datname = $1", [DATABASE])
      if (rowCount === 0) await client.query(`create database ${DATABASE}`)
      return
    } catch (thrown) {
      if (Date.now() > deadline) throw thrown
      await sleep(50)
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}

function logFileOf(stateDir: string): string {
  return path.join(stateDir, "logs", "postgres.log")
}

async function readTail(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "")
  return text.trimEnd().split("\n").slice(-15).join("\n")
}
