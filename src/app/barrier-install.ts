/** What `holdfast barrier install` does. */
import { createConnection, type RowDataPacket } from "mysql2/promise"
import { Client } from "pg"
import { createOutboundGuard, createTargets, installBarrierAt } from "../activities/index.ts"
import type { BarrierTransaction } from "../barrier/enter.ts"
import { installBarrier, type Installed } from "../barrier/install.ts"
import { UsageError } from "../cli/exit-codes.ts"
import { listSecretNames, loadConnections } from "../config/connections.ts"
import type { Settings } from "../config/env.ts"
import { loadSecrets } from "../config/secrets.ts"
import type { Connection } from "../contract/connections.ts"
import { DEFAULT_TENANT } from "../contract/messages.ts"
import type { SqlDialect } from "../contract/sql.ts"
import { parseDatabaseUrl } from "../store/parse-database-url.ts"
import { type AppContext, toLocalContext } from "./app-context.ts"
import { createLogger } from "./logger.ts"
import { resolveMasterKeys } from "./master-keys.ts"
import { toAddressPolicy } from "./start-workers.ts"
import { withDatabase } from "./with-database.ts"

export interface BarrierInstall {
  database: string
  installed: Installed
}

/** Of the file, else a stored one; reached as a task-worker of this machine would. */
export async function installAtConnection(context: AppContext, name: string): Promise<BarrierInstall> {
  const settings = context.settings()
  // Whoever has a shell here can reach its loopback without our help.
  const guard = createOutboundGuard(toAddressPolicy({ mode: "local", allowedRanges: settings.allowedRanges }))
  const files = await loadFiles(settings, context.terminal.say)
  const given = files.connections.find((connection) => connection.name === name)
  if (given !== undefined && listSecretNames([given]).every((secret) => Object.hasOwn(files.secrets, secret)))
    return installBarrierAt(
      { connections: { find: () => given }, secrets: (secret) => files.secrets[secret], guard },
      name,
    )
  const { stateDir, say } = toLocalContext(context, settings)
  // Whoever names a database of Holdfast's own names its key too.
  const mode = settings.databaseUrl === undefined ? "local" : "server"
  const masterKeys = await resolveMasterKeys({ settings, stateDir, mode, say })
  return withDatabase(context, async (pool) => {
    const logger = createLogger({ level: "warn", output: "stderr" })
    const targets = createTargets({ pool, masterKeys, files, logger }).of(DEFAULT_TENANT)
    await targets.refresh(name)
    return installBarrierAt({ ...targets, guard }, name)
  })
}

async function loadFiles(
  { connectionsFile, secretsFile }: Settings,
  say: (line: string) => void,
): Promise<{ connections: Connection[]; secrets: Record<string, string> }> {
  const connections = connectionsFile === undefined ? [] : await loadConnections(connectionsFile)
  const { secrets, warnings } =
    secretsFile === undefined ? { secrets: {}, warnings: [] } : await loadSecrets(secretsFile)
  for (const warning of warnings) say(`warning: ${warning}`)
  return { connections, secrets }
}

/** @throws UsageError for a URL of another kind of database; no message repeats it, since it holds a password. */
export function installAtUrl(url: string): Promise<BarrierInstall> {
  if (/^postgres(?:ql)?:\/\//i.test(url)) return installInPostgres(url)
  if (/^(?:mysql|mariadb):\/\//i.test(url)) return installInMysql(url.replace(/^mariadb/i, "mysql"))
  throw new UsageError("the URL is of another kind: expected postgres://... or mysql://...")
}

async function installInPostgres(url: string): Promise<BarrierInstall> {
  const client = new Client(parseDatabaseUrl(url))
  await client.connect()
  try {
    const run: BarrierTransaction["run"] = async (text) => {
      const { rows, rowCount } = await client.query<Record<string, unknown>>(text)
      return { rows, count: rowCount ?? 0 }
    }
    return await installBy("postgres", run, "select current_database() as name")
  } finally {
    await client.end()
  }
}

async function installInMysql(url: string): Promise<BarrierInstall> {
  const connection = await createConnection(url)
  try {
    const run: BarrierTransaction["run"] = async (text) => {
      const [result] = await connection.query<RowDataPacket[]>(text)
      // What changes something answers a header instead of rows.
      return Array.isArray(result) ? { rows: result, count: result.length } : { rows: [], count: 0 }
    }
    return await installBy("mysql", run, "select database() as name")
  } finally {
    await connection.end()
  }
}

async function installBy(
  dialect: SqlDialect,
  run: BarrierTransaction["run"],
  named: string,
): Promise<BarrierInstall> {
  const { rows } = await run(named)
  return { database: String(rows[0]?.["name"]), installed: await installBarrier(dialect, run) }
}
