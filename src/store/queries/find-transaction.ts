import { z } from "zod"
import { timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"
import { transactionColumns, TransactionRow } from "./transaction-row.ts"

const Row = TransactionRow.extend({
  params: z.unknown(),
  request_hash: z.string(),
  dispatched_at: timestamp.nullable(),
  output: z.unknown(),
  error: z
    .object({ code: z.string(), class: z.string(), message: z.string(), task: z.string().nullable() })
    .nullable(),
})
export type WholeTransactionRow = z.output<typeof Row>

/** `undefined` when the tenant has no such transaction. */
export async function findTransaction(
  db: Queryable,
  { tenant, instance_id }: { tenant: string; instance_id: string },
): Promise<WholeTransactionRow | undefined> {
  const { rows } = await db.query(
    `select ${transactionColumns}, t.params, t.request_hash, t.dispatched_at, t.output, t.error
     from txn t
     where t.tenant_id = $1 and t.instance_id = $2`,
    [tenant, instance_id],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
