import { z } from "zod"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

export interface NewTransaction {
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
  labels: Record<string, string>
  actor: string
  /** The transaction that this one does again. */
  redo_of: string | null
}

const Row = z.object({ created_at: timestamp })

/** `undefined` when the tenant has a transaction of this `instance_id`: then nothing was stored. */
export async function insertTransaction(db: Queryable, transaction: NewTransaction) {
  const { rows } = await db.query({
    name: "insert_transaction",
    text: `
      insert into txn (tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash,
                       params, request_hash, business_key, actor, labels, redo_of)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
      on conflict (tenant_id, instance_id) do nothing
      returning created_at`,
    values: [
      transaction.tenant,
      transaction.instance_id,
      transaction.workflow_id,
      transaction.flow_id,
      transaction.flow_name,
      transaction.flow_version,
      transaction.plan_hash,
      JSON.stringify(transaction.params),
      transaction.request_hash,
      transaction.business_key,
      transaction.actor,
      JSON.stringify(transaction.labels),
      transaction.redo_of,
    ],
  })
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
