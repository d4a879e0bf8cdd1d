import { z } from "zod"
import type { Queryable } from "./queryable.ts"

/** What no two transactions of a flow may have in common that are open or successful. */
export type Once = "business_key" | "redo_of"

export interface Claim {
  tenant: string
  flow_id: string
  /** Whose claim it is: never in its own way. */
  instance_id: string
  in: Once
  value: string | null
}

/** An end that is not confirmed may yet turn out to be none. */
const QUERY = (mine: string) => `
  select instance_id from txn
  where tenant_id = $1 and flow_id = $2 and ${mine} and instance_id <> $4
    and (status not in ('failed', 'compensated', 'cancelled', 'closed') or confirmed_at is null)
  order by created_at
  limit 1`
const QUERIES: Record<Once, string> = {
  business_key: QUERY("business_key = $3"),
  // Or the first one itself, when somebody resumed it.
  redo_of: QUERY("(redo_of = $3 or instance_id = $3)"),
}
const Row = z.object({ instance_id: z.string() })

/**
 * The `instance_id` of another transaction that has what is claimed: one that is open or successful as the mirror has
 * it, or whose end is provisional.
 */
export async function findHolder(db: Queryable, claim: Claim): Promise<string | undefined> {
  const { tenant, flow_id, value, instance_id } = claim
  const { rows } = await db.query(QUERIES[claim.in], [tenant, flow_id, value, instance_id])
  return rows[0] === undefined ? undefined : Row.parse(rows[0]).instance_id
}
