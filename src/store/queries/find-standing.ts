import { z } from "zod"
import { TRANSACTION_STATUSES } from "../../contract/statuses.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  workflow_id: z.string(),
  status: z.enum(TRANSACTION_STATUSES),
  /** Temporal's close was seen; without it an end is provisional. */
  is_confirmed: z.boolean(),
})

/** How far a transaction is; `undefined` when the tenant has none of this id. */
export async function findStanding(
  db: Queryable,
  { tenant, instance_id }: { tenant: string; instance_id: string },
) {
  const { rows } = await db.query({
    name: "find_standing",
    text: `
      select workflow_id, status, confirmed_at is not null as is_confirmed
      from txn where tenant_id = $1 and instance_id = $2`,
    values: [tenant, instance_id],
  })
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
