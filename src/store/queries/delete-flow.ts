import { z } from "zod"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ id: z.string(), name: z.string(), version: z.int(), deleted_at: timestamp })
export type DeletedFlow = z.output<typeof Row>

/**
 * Hides the flow, by id or name, and frees its name. Its versions stay, for the transactions that run and for
 * those that have ended. `undefined` when the tenant has no such flow.
 */
export async function deleteFlow(
  db: Queryable,
  { tenant, flow, user }: { tenant: string; flow: string; user: string },
): Promise<DeletedFlow | undefined> {
  const { rows } = await db.query(
    `update flow set deleted_at = now(), is_active = false, updated_user = $3, updated_at = clock_timestamp()
     where tenant_id = $1 and (id = $2 or name = $2) and deleted_at is null
     returning id, name, active_version as version, deleted_at`,
    [tenant, flow, user],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
