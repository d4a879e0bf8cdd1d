import type { Pool } from "pg"

/** In place of the hash of a request that nobody has seen. */
export const UNKNOWN_REQUEST = "unknown"

/** What is known of a transaction whose row is missing, from its workflow. */
export interface LostTransaction {
  tenant: string
  transaction_id: string
  workflow_id: string
  workflow_type: string
  plan_hash: string
  params: unknown
  /** From the memo, where it has them. */
  flow_id: string | null
  flow_version: number | null
  business_key: string | null
  started_at: Date
}

/**
 * Makes the row of a transaction that only Temporal knows: the row was lost, or somebody started the workflow
 * without the API. @returns whether it made one.
 */
export async function adoptTransaction(pool: Pool, lost: LostTransaction): Promise<boolean> {
  const { rowCount } = await pool.query(
    `insert into txn (
       tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params, request_hash,
       business_key, actor, created_at, dispatched_at
     )
     select
       $1, $2, $3, coalesce($7, published.flow_id, $4), $4, coalesce($8::integer, published.version, 0), $5, $6,
       $11, $9, 'temporal', $10, now()
     from (select) as always
     left join lateral (
       select flow_id, version from flow_version where tenant_id = $1 and plan_hash = $5 order by version limit 1
     ) as published on true
     on conflict (tenant_id, instance_id) do nothing`,
    [
      lost.tenant,
      lost.transaction_id,
      lost.workflow_id,
      lost.workflow_type,
      lost.plan_hash,
      JSON.stringify(lost.params ?? {}),
      lost.flow_id,
      lost.flow_version,
      lost.business_key,
      lost.started_at,
      UNKNOWN_REQUEST,
    ],
  )
  return (rowCount ?? 0) > 0
}
