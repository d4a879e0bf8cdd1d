import type { Pool } from "pg"

export interface KnownTransaction {
  workflow_id: string
  tenant: string
  transaction_id: string
  run_id: string | null
  is_confirmed: boolean
}

export async function listByWorkflow(
  pool: Pool,
  workflowIds: string[],
): Promise<Map<string, KnownTransaction>> {
  const { rows } = await pool.query<KnownTransaction>({
    name: "list_by_workflow",
    text: `
      select
        workflow_id, tenant_id as tenant, instance_id as transaction_id, run_id,
        confirmed_at is not null as is_confirmed
      from txn where workflow_id = any($1::text[])`,
    values: [workflowIds],
  })
  return new Map(rows.map((row) => [row.workflow_id, row]))
}
