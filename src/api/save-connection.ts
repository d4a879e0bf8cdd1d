/** What every change of a connection has to pass, and the ways it can be refused. */
import { isGuardedLiteral } from "../contract/addresses.ts"
import { type Connection, CONNECTION_KINDS_OF_TASK } from "../contract/connections.ts"
import type { ConnectionRow } from "../store/queries/connection-row.ts"
import { findConnection } from "../store/queries/find-connection.ts"
import { findCredentials, toConnectionView } from "./connection-view.ts"
import type { ApiServices } from "./dependencies.ts"
import { ApiProblem } from "./problem.ts"
import type { Change } from "./record-change.ts"
import { listFileConnections, listTenantConnections } from "./tenant-connections.ts"

/** @throws {ApiProblem} `given_by_file`, `address_guarded`, `secret_in_clear`, `connection_default_taken`. */
export async function assertAcceptable(
  services: ApiServices,
  tenant: string,
  connection: Connection,
): Promise<void> {
  assertNotOfFile(services, tenant, connection.name)
  const { pointer, host } = addressOf(connection)
  if (isGuardedLiteral(host, services.addressPolicy)) {
    const detail = `${host} is an address that calls may not reach: use a public address, or allow its range by HOLDFAST_ALLOWED_RANGES.`
    throw new ApiProblem("address_guarded", {
      detail,
      errors: [{ pointer, code: "address_guarded", detail }],
    })
  }
  const inClear = findCredentials(connection)
  if (inClear.length > 0) {
    const detail = 'Store the value as a secret and name it: {"secret": "<name>"}.'
    throw new ApiProblem("secret_in_clear", {
      detail,
      errors: inClear.map((at) => ({ pointer: at, code: "secret_in_clear", detail })),
    })
  }
  const task = defaultOf(connection)
  if (task === null) return
  const others = await listTenantConnections(services, tenant)
  const holder = others.find(
    ({ settings }) => settings.name !== connection.name && defaultOf(settings) === task,
  )
  if (holder !== undefined) throw defaultTaken(task, holder.settings.name)
}

/** @throws {ApiProblem} `given_by_file`. */
export function assertNotOfFile(services: ApiServices, tenant: string, name: string): void {
  if (!listFileConnections(services, tenant).some((one) => one.name === name)) return
  throw new ApiProblem("given_by_file", {
    detail: `The connection ${name} comes from the file that Holdfast was started with: change it there.`,
  })
}

/** @throws {ApiProblem} `connection_not_found`, `given_by_file`. */
export async function getStoredConnection(
  services: ApiServices,
  key: { tenant: string; name: string },
): Promise<ConnectionRow> {
  assertNotOfFile(services, key.tenant, key.name)
  const row = await findConnection(services.pool, key)
  if (row === undefined) throw new ApiProblem("connection_not_found")
  return row
}

/** Two at the same moment: the index tells them apart. @throws {ApiProblem} `connection_default_taken`. */
export async function withOneDefault<T>(connection: Connection, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (thrown) {
    if (thrown instanceof Error && "constraint" in thrown && thrown.constraint === "connection_default")
      throw defaultTaken(defaultOf(connection) ?? "", "another one")
    throw thrown
  }
}

/** For the audit trail: settings as the API shows them. One of both is there. */
export function toConnectionChange(
  action: Change["action"],
  { before, after }: { before?: ConnectionRow; after?: ConnectionRow },
): Change {
  const told = (row: ConnectionRow | undefined) =>
    row === undefined
      ? null
      : { version: row.version, settings: toConnectionView({ source: "api", ...row }).settings }
  return { action, subject: (after ?? before)?.name ?? "", before: told(before), after: told(after) }
}

/** The kind of task whose default a connection is. */
export function defaultOf({ default: isDefault, kind }: Connection): string | null {
  if (isDefault !== true) return null
  const found = Object.entries(CONNECTION_KINDS_OF_TASK).find(([, kinds]) =>
    (kinds as readonly string[]).includes(kind),
  )
  return found?.[0] ?? null
}

function addressOf(connection: Connection): { pointer: string; host: string } {
  if ("base_url" in connection) return { pointer: "/base_url", host: new URL(connection.base_url).hostname }
  return { pointer: "/host", host: connection.host }
}

function defaultTaken(task: string, holder: string): ApiProblem {
  const detail = `The default of ${task} tasks is ${holder}: only one connection can be.`
  return new ApiProblem("connection_default_taken", {
    detail,
    errors: [{ pointer: "/default", code: "connection_default_taken", detail }],
  })
}
