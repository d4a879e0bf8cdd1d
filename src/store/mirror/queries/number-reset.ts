import type { Queryable } from "../../queries/queryable.ts"

export interface ResetRun {
  tenant: string
  transaction_id: string
  run_id: string
}

const MOST_TRIES = 20

/**
 * The position of a reset run among the resets of its transaction, from 1. The first to ask gives it the next
 * number. Two resets in a row whose rows arrive in the other order are numbered wrongly; the sweeper, who knows
 * from Temporal which run is the current one, renumbers (`renumberReset`).
 */
export async function numberReset(client: Queryable, run: ResetRun): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const known = await findNumber(client, run)
    if (known !== undefined) return known
    // Loses against another run that takes the same number at the same time; then the next round finds room.
    await client.query(
      `insert into txn_reset (tenant_id, instance_id, run_id, resets)
       select $1, $2, $3, coalesce(max(resets), 0) + 1 from txn_reset where tenant_id = $1 and instance_id = $2
       on conflict do nothing`,
      [run.tenant, run.transaction_id, run.run_id],
    )
  }
  throw new Error(
    `no number for reset run ${run.run_id} of transaction ${run.transaction_id}: too many others ask`,
  )
}

/** Makes the run the newest of its transaction's resets. */
export async function renumberReset(client: Queryable, run: ResetRun): Promise<void> {
  await client.query(
    `update txn_reset set resets = (
       select max(resets) + 1 from txn_reset where tenant_id = $1 and instance_id = $2
     )
     where tenant_id = $1 and instance_id = $2 and run_id = $3
       and resets < (select max(resets) from txn_reset where tenant_id = $1 and instance_id = $2)`,
    [run.tenant, run.transaction_id, run.run_id],
  )
}

async function findNumber(
  client: Queryable,
  { tenant, transaction_id, run_id }: ResetRun,
): Promise<number | undefined> {
  const { rows } = await client.query<{ resets: number }>(
    "select resets from txn_reset where tenant_id = $1 and instance_id = $2 and run_id = $3",
    [tenant, transaction_id, run_id],
  )
  return rows[0]?.resets
}
