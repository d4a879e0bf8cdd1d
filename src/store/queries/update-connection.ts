import { CONNECTION_COLUMNS, ConnectionRow } from "./connection-row.ts"
import type { StoredConnection } from "./insert-connection.ts"
import type { Queryable } from "./queryable.ts"

/** `undefined` when it is gone, or no longer at `version`. */
export async function updateConnection(
  db: Queryable,
  { tenant, connection, defaultOf, actor, version }: StoredConnection & { version: string },
): Promise<ConnectionRow | undefined> {
  const { rows } = await db.query(
    `update connection
     set kind = $3, settings = $4, default_of = $5, updated_by = $6, updated_at = now(),
         version = nextval('setting_version')
     where tenant_id = $1 and name = $2 and version = $7
     returning ${CONNECTION_COLUMNS}`,
    [tenant, connection.name, connection.kind, JSON.stringify(connection), defaultOf, actor, version],
  )
  return rows[0] === undefined ? undefined : ConnectionRow.parse(rows[0])
}
