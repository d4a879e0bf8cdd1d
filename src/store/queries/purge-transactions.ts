import type { Pool } from "pg"
import { LOCK_CLASS_RESUME } from "../advisory-locks.ts"
import type { TransactionKey } from "./transaction-key.ts"

/**
 * Deletes transactions and all that belongs to them, in one statement: nobody sees half of one. Only those whose end
 * is still final and old enough when they are deleted, and which nobody resumes at this moment.
 *
 * @returns how many.
 */
export async function purgeTransactions(
  pool: Pool,
  { keys, olderThanMs }: { keys: readonly TransactionKey[]; olderThanMs: number },
): Promise<number> {
  const { rowCount } = await pool.query({
    name: "purge_transactions",
    text: `
      with doomed as materialized (
        select txn.tenant_id, txn.instance_id
        from json_to_recordset($1) as wanted (tenant text, transaction_id text)
        join txn on txn.tenant_id = wanted.tenant and txn.instance_id = wanted.transaction_id
        where txn.confirmed_at is not null and txn.ended_at < now() - $2 * interval '1 ms'
          and txn.status in ('success', 'failed', 'compensated', 'cancelled', 'closed')
          and pg_try_advisory_xact_lock($3, hashtext(txn.workflow_id))
        for update of txn skip locked
      ), tasks as (
        delete from txn_task as t using doomed as d where (t.tenant_id, t.instance_id) = (d.tenant_id, d.instance_id)
      ), attempts as (
        delete from txn_attempt as t using doomed as d where (t.tenant_id, t.instance_id) = (d.tenant_id, d.instance_id)
      ), exceptions as (
        delete from exception as t using doomed as d where (t.tenant_id, t.instance_id) = (d.tenant_id, d.instance_id)
      ), decisions as (
        delete from decision as t using doomed as d where (t.tenant_id, t.instance_id) = (d.tenant_id, d.instance_id)
      ), events as (
        delete from event as t using doomed as d where (t.tenant_id, t.instance_id) = (d.tenant_id, d.instance_id)
      ), blobs as (
        delete from blob as t using doomed as d where (t.tenant_id, t.instance_id) = (d.tenant_id, d.instance_id)
      ), resets as (
        delete from txn_reset as t using doomed as d where (t.tenant_id, t.instance_id) = (d.tenant_id, d.instance_id)
      )
      delete from txn as t using doomed as d where (t.tenant_id, t.instance_id) = (d.tenant_id, d.instance_id)`,
    values: [JSON.stringify(keys), olderThanMs, LOCK_CLASS_RESUME],
  })
  return rowCount ?? 0
}
