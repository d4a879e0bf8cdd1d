import type { Pool } from "pg"

/** A row as the API makes it. */
export async function insertStoredTransaction(
  pool: Pool,
  {
    tenant = "default",
    instanceId = "order_1",
    dispatched = true,
  }: { tenant?: string; instanceId?: string; dispatched?: boolean } = {},
): Promise<void> {
  await pool.query(
    `insert into txn
       (tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params, request_hash, actor,
        dispatched_at)
     values ($1, $2, $1 || '/' || $2, 'flow-1', 'order', 1, 'hash-1', '{"amount":5}', 'request-1', 'ann',
       case when $3 then now() end)`,
    [tenant, instanceId, dispatched],
  )
}
