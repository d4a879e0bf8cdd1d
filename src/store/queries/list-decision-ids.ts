import type { Pool } from "pg"

/** The decisions that the mirror has of a transaction. */
export async function listDecisionIds(
  pool: Pool,
  { tenant, transaction_id }: { tenant: string; transaction_id: string },
): Promise<Set<string>> {
  const { rows } = await pool.query<{ decision_id: string }>({
    name: "list_decision_ids",
    text: "select decision_id from decision where tenant_id = $1 and instance_id = $2",
    values: [tenant, transaction_id],
  })
  return new Set(rows.map(({ decision_id }) => decision_id))
}
