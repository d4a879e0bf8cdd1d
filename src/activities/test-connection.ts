/** Tries a connection as a call would reach it, without calling: dial, handshake and, where there is one, the login. */
import type { Connection, ConnectionTest, DbConnection, MqConnection } from "../contract/connections.ts"
import { toError } from "../contract/errors.ts"
import { cutText } from "./attempt-row.ts"
import { Misconfigured } from "./call.ts"
import { createDatabase } from "./db/create-database.ts"
import type { Database } from "./db/database.ts"
import type { MqLink } from "./mq/driver.ts"
import { mqttDriver } from "./mq/mqtt/driver.ts"
import { natsDriver } from "./mq/nats/driver.ts"
import { rabbitmqDriver } from "./mq/rabbitmq/driver.ts"
import { dialOnce } from "./outbound/dial.ts"
import type { OutboundGuard } from "./outbound/guard.ts"
import { toTlsOptions } from "./outbound/tls-options.ts"
import { codeOf } from "./outbound/transport-error.ts"
import { secretNamesOf, type SecretStore } from "./secrets.ts"
import type { TenantTargets } from "./targets.ts"

export interface ConnectionTestDeps {
  targets: TenantTargets
  secrets: SecretStore
  guard: OutboundGuard
}

const PATIENCE_MS = 5_000
const MAX_MESSAGE = 1_000

/** Never rejects. The message is masked and names no address behind a name. */
export async function testConnection(
  { targets, secrets, guard }: ConnectionTestDeps,
  name: string,
): Promise<ConnectionTest> {
  const startedAt = performance.now()
  const end = (code: string | null, message: string): ConnectionTest => ({
    ok: code === null,
    code: code === null ? null : secrets.redactText(code),
    message: cutText(secrets.redactText(message), MAX_MESSAGE),
    duration_ms: Math.round(performance.now() - startedAt),
  })
  try {
    await targets.refresh(name)
    const connection = targets.connections.find(name)
    if (!connection) throw new Misconfigured("connection_unknown", `there is no connection named "${name}"`)
    for (const secret of secretNamesOf(connection)) secrets.read(secret)
    return end(null, await reach(connection, { secrets, guard }))
  } catch (thrown) {
    const error = toError(thrown)
    return end(codeOf(error), error.message)
  }
}

async function reach(
  connection: Connection,
  deps: Pick<ConnectionTestDeps, "secrets" | "guard">,
): Promise<string> {
  const { guard, secrets } = deps
  switch (connection.kind) {
    case "postgres":
    case "mysql":
      return logInToDatabase(createDatabase(connection, guard, secrets))
    case "mqtt":
      return logInToBroker(mqttDriver.open(connection, deps))
    case "rabbitmq":
      return logInToBroker(rabbitmqDriver.open(connection, deps))
    case "nats":
      return logInToBroker(natsDriver.open(connection, deps))
    case "http":
    case "grpc":
    case "http-rpc":
    case "jsonrpc":
      return dial(connection, deps)
  }
}

async function logInToDatabase(database: Database): Promise<string> {
  try {
    const session = await database.openFresh(PATIENCE_MS)
    session.discard()
    return "logged in"
  } finally {
    await database.close()
  }
}

async function logInToBroker(link: MqLink<never>): Promise<string> {
  try {
    await link.ready(AbortSignal.timeout(PATIENCE_MS))
    return "logged in"
  } finally {
    await link.close()
  }
}

type Called = Exclude<Connection, MqConnection | DbConnection>

async function dial(
  connection: Called,
  { guard, secrets }: Pick<ConnectionTestDeps, "secrets" | "guard">,
): Promise<string> {
  const { host, port, tls } = addressOf(connection)
  const protocols = connection.kind === "grpc" ? ["h2"] : ["http/1.1"]
  const options = tls ? toTlsOptions({ ...connection, host }, secrets) : undefined
  const target = { host, port, ...(options === undefined ? {} : { tls: { options, protocols } }) }
  await dialOnce(guard, target, PATIENCE_MS)
  return tls ? "reached, with TLS; nothing was called" : "reached; nothing was called"
}

function addressOf(connection: Called): { host: string; port: number; tls: boolean } {
  if (connection.kind !== "http")
    return { host: connection.host, port: connection.port, tls: connection.tls === true }
  const url = new URL(connection.base_url)
  const tls = url.protocol === "https:"
  const port = url.port === "" ? (tls ? 443 : 80) : Number(url.port)
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port, tls }
}
