import { z } from "zod"
import { CONNECTION_COLUMNS, ConnectionRow } from "./connection-row.ts"
import type { Queryable } from "./queryable.ts"

/** A tenant's connections, by name. */
export async function listConnections(db: Queryable, tenant: string): Promise<ConnectionRow[]> {
  const { rows } = await db.query(
    `select ${CONNECTION_COLUMNS} from connection where tenant_id = $1 order by name`,
    [tenant],
  )
  return z.array(ConnectionRow).parse(rows)
}
