import type { Pool } from "pg"

export interface TakenBack {
  tenant: string
  transaction_id: string
  /** As it was read: of a row that changed meanwhile nothing is taken back. */
  row_version: string
  run_id: string
  /** Where the rows of the run may stand at most. */
  seq: number
}

/**
 * Moves the rows of a run back in the order, so that what is known of it can be written over them.
 * @returns whether the transaction's row was still the one that was read.
 */
export async function takeBack(
  pool: Pool,
  { tenant, transaction_id, row_version, run_id, seq }: TakenBack,
): Promise<boolean> {
  const { rows } = await pool.query<{ is_taken: boolean }>({
    name: "take_back",
    text: `
      with taken as (
        update txn set
          seq = $5,
          complete_seq = case when (complete_resets, complete_chain) = (resets, chain)
            then least(complete_seq, $5) else complete_seq end
        where tenant_id = $1 and instance_id = $2 and xmin::text = $3 and run_id = $4
        returning tenant_id, instance_id, resets, chain
      ), tasks as (
        update txn_task as stored set seq = $5 from taken
        where (stored.tenant_id, stored.instance_id, stored.resets, stored.chain)
            = (taken.tenant_id, taken.instance_id, taken.resets, taken.chain)
          and stored.seq > $5
      ), exceptions as (
        update exception as stored set seq = $5 from taken
        where (stored.tenant_id, stored.instance_id, stored.resets, stored.chain)
            = (taken.tenant_id, taken.instance_id, taken.resets, taken.chain)
          and stored.seq > $5
      )
      select exists (select from taken) as is_taken`,
    values: [tenant, transaction_id, row_version, run_id, seq],
  })
  return rows[0]?.is_taken === true
}
