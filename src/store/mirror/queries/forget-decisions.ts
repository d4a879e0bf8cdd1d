import type { Pool } from "pg"

export interface Untaken {
  tenant: string
  transaction_id: string
  /** As it was read. A decision comes with a change of it, so that none which came since is meant. */
  row_version: string
  /** What was decided up to then may be one that the run has forgotten: milliseconds. */
  known_since: number
  /** Ids. */
  known: string[]
}

/**
 * Forgets decisions that their run never took. What the audit trail says of them stays there.
 * @returns their ids.
 */
export async function forgetDecisions(
  pool: Pool,
  { tenant, transaction_id, row_version, known_since, known }: Untaken,
): Promise<string[]> {
  const { rows } = await pool.query<{ decision_id: string }>({
    name: "forget_decisions",
    text: `
      delete from decision as stored using txn
      where stored.tenant_id = $1 and stored.instance_id = $2
        and txn.tenant_id = $1 and txn.instance_id = $2 and txn.xmin::text = $3
        and stored.decided_at > to_timestamp($4::float8 / 1000) and stored.decision_id <> all($5::text[])
      returning stored.decision_id`,
    values: [tenant, transaction_id, row_version, known_since, known],
  })
  return rows.map(({ decision_id }) => decision_id)
}
