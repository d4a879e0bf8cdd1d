import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import path from "node:path"
import { type Connection, createConnection } from "mysql2/promise"
import { startChild } from "../../src/local/children.ts"
import { findFreePort } from "../../src/local/free-port.ts"
import { findOptionalServer } from "./optional-server.ts"
import { until } from "./until.ts"

/** Where Debian's `mariadb-server` is installed; else its tests are skipped. */
export const mariadb = findOptionalServer("mariadbd")

export interface TestMariaDb {
  port: number
  user: string
  password: string
  database: string
  /** A connection of an administrator, which takes several statements at once. */
  connect(): Promise<Connection>
  stop(): Promise<void>
}

/** As PEM text. */
export interface TlsFiles {
  ca: string
  cert: string
  key: string
}

const USER = { user: "holdfast", password: "holdfast-password", database: "business" }

/** A server of its own, on loopback and a free port, with throwaway data. */
export async function startMariaDb(program: string, tls?: TlsFiles): Promise<TestMariaDb> {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-mariadb-"))
  const at = (name: string) => path.join(directory, name)
  // A server that starts removes what looks like its own in its temporary directory, another server's too.
  const own = [`--datadir=${at("data")}`, `--tmpdir=${directory}`, `--user=${userInfo().username}`]
  const files = ["--no-defaults", ...own]
  const made = spawnSync("mariadb-install-db", [...files, "--auth-root-authentication-method=normal"], {
    encoding: "utf8",
  })
  if (made.status !== 0) throw new Error(`mariadb-install-db: ${made.stdout}${made.stderr}`)
  const port = await findFreePort()
  const server = await startChild({
    name: "mariadb",
    stateDir: at("state"),
    command: program,
    args: [
      ...files,
      "--bind-address=127.0.0.1",
      `--port=${port}`,
      `--socket=${at("socket")}`,
      "--innodb-buffer-pool-size=32M",
      "--innodb-flush-log-at-trx-commit=0",
      "--skip-name-resolve",
      ...(tls === undefined ? [] : tlsOptions(tls, at)),
    ],
    cwd: directory,
    environment: process.env,
    logFile: at("log"),
    stopSignal: "TERM",
    scratch: directory,
  })
  const root = { host: "127.0.0.1", port, user: "root", password: "", bigNumberStrings: true }
  const connect = (more: object = {}) =>
    createConnection({ ...root, supportBigNumbers: true, multipleStatements: true, ...more })
  const isReady = async (): Promise<boolean> => {
    if (server.hasEnded())
      throw new Error(`mariadbd ended:\n${readFileSync(at("log"), "utf8").slice(-4_000)}`)
    try {
      await (await connect()).end()
      return true
    } catch {
      return false
    }
  }
  try {
    await until(isReady, (ready) => ready, { timeoutMs: 60_000, everyMs: 20 })
    const setup = await connect()
    const { user, password, database } = USER
    await setup.query(
      `create database ${database}; create user ${user} identified by '${password}';
       grant all on ${database}.* to ${user}`,
    )
    await setup.end()
  } catch (thrown) {
    await server.stop()
    throw thrown
  }
  return { port, ...USER, connect: () => connect({ database: USER.database }), stop: () => server.stop() }
}

function tlsOptions(files: TlsFiles, at: (name: string) => string): string[] {
  return Object.entries(files).map(([name, text]) => {
    writeFileSync(at(`${name}.pem`), text)
    return `--ssl-${name}=${at(`${name}.pem`)}`
  })
}
