import type { Pool } from "pg"

/** What a transaction's workflow is started with. */
export interface TransactionStart {
  tenant: string
  instance_id: string
  workflow_id: string
  flow_id: string
  flow_name: string
  flow_version: number
  plan_hash: string
  params: unknown
  request_hash: string
  business_key: string | null
}

export interface StoredStart extends TransactionStart {
  redo_of: string | null
  is_dispatched: boolean
}

export async function findStart(
  pool: Pool,
  { tenant, instance_id }: { tenant: string; instance_id: string },
): Promise<StoredStart | undefined> {
  const { rows } = await pool.query<StoredStart>({
    name: "find_start",
    text: `
      select
        tenant_id as tenant, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params,
        request_hash, business_key, redo_of, dispatched_at is not null as is_dispatched
      from txn where tenant_id = $1 and instance_id = $2`,
    values: [tenant, instance_id],
  })
  return rows[0]
}
