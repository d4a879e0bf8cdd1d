import type { Pool } from "pg"

export interface TakenBack {
  tenant: string
  transaction_id: string
  /** Where the mirror's row stands: of one that moved meanwhile nothing is taken back. */
  from: { run_id: string; resets: number; chain: number; seq: number }
  /** Where the run stands. */
  seq: number
  /** What came after this was not decided: milliseconds. Ids that the run knows were, whenever. */
  decided_after: number
  known_decisions: string[]
}

/**
 * Moves the rows of a run back in the order, so that what is known of it can be written over them, and forgets the
 * decisions that it never took. What the audit trail says stays there.
 * @returns whether the row still stood where it was seen.
 */
export async function takeBack(
  pool: Pool,
  { tenant, transaction_id, from, seq, decided_after, known_decisions }: TakenBack,
): Promise<boolean> {
  const { rows } = await pool.query<{ is_taken: boolean }>({
    name: "take_back",
    text: `
      with taken as (
        update txn set
          seq = $7,
          complete_seq = case when (complete_resets, complete_chain) = (resets, chain)
            then least(complete_seq, $7) else complete_seq end
        where tenant_id = $1 and instance_id = $2 and run_id = $3 and (resets, chain, seq) = ($4, $5, $6)
        returning tenant_id, instance_id, resets, chain
      ), tasks as (
        update txn_task as stored set seq = $7 from taken
        where (stored.tenant_id, stored.instance_id, stored.resets, stored.chain)
            = (taken.tenant_id, taken.instance_id, taken.resets, taken.chain)
          and stored.seq > $7
      ), exceptions as (
        update exception as stored set seq = $7 from taken
        where (stored.tenant_id, stored.instance_id, stored.resets, stored.chain)
            = (taken.tenant_id, taken.instance_id, taken.resets, taken.chain)
          and stored.seq > $7
      ), decisions as (
        delete from decision as stored using taken
        where stored.tenant_id = taken.tenant_id and stored.instance_id = taken.instance_id
          and stored.decided_at > to_timestamp($8::float8 / 1000) and stored.decision_id <> all($9::text[])
      )
      select exists (select from taken) as is_taken`,
    values: [
      tenant,
      transaction_id,
      from.run_id,
      from.resets,
      from.chain,
      from.seq,
      seq,
      decided_after,
      known_decisions,
    ],
  })
  return rows[0]?.is_taken === true
}
