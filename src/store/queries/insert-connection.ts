import type { Connection } from "../../contract/connections.ts"
import { CONNECTION_COLUMNS, ConnectionRow } from "./connection-row.ts"
import type { Queryable } from "./queryable.ts"

export interface StoredConnection {
  tenant: string
  connection: Connection
  /** The kind of task whose default it is. */
  defaultOf: string | null
  actor: string
}

/** `undefined` when the name is taken. Two defaults of one kind of task are an error of `connection_default`. */
export async function insertConnection(
  db: Queryable,
  { tenant, connection, defaultOf, actor }: StoredConnection,
): Promise<ConnectionRow | undefined> {
  const { rows } = await db.query(
    `insert into connection (tenant_id, name, kind, settings, default_of, updated_by)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant_id, name) do nothing
     returning ${CONNECTION_COLUMNS}`,
    [tenant, connection.name, connection.kind, JSON.stringify(connection), defaultOf, actor],
  )
  return rows[0] === undefined ? undefined : ConnectionRow.parse(rows[0])
}
