import { CONNECTION_COLUMNS, ConnectionRow } from "./connection-row.ts"
import type { Queryable } from "./queryable.ts"

export async function findConnection(
  db: Queryable,
  { tenant, name }: { tenant: string; name: string },
): Promise<ConnectionRow | undefined> {
  const { rows } = await db.query(
    `select ${CONNECTION_COLUMNS} from connection where tenant_id = $1 and name = $2`,
    [tenant, name],
  )
  return rows[0] === undefined ? undefined : ConnectionRow.parse(rows[0])
}
