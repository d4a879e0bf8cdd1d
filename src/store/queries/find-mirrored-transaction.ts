import type { Pool } from "pg"
import type { TransactionRow } from "../../contract/rows.ts"

export interface StoredTransaction {
  tenant: string
  transaction_id: string
  workflow_id: string
  flow_name: string
  run_id: string | null
  resets: number
  /** The reset run that `resets` counts; null without one. */
  reset_run: string | null
  chain: number
  seq: number
  is_dispatched: boolean
  is_confirmed: boolean
  /** When its row last changed, and when it was read now, by Postgres's clock. */
  updated_at: Date
  read_at: Date
  /** Another one after each change of the row. */
  row_version: string
  row: TransactionRow
}

type Columns = Omit<StoredTransaction, "row"> &
  Omit<TransactionRow, "started_at" | "ended_at" | "deadline_at"> & {
    started_at: Date | null
    ended_at: Date | null
    deadline_at: Date | null
  }

/** A transaction as the mirror has it. */
export async function findMirroredTransaction(
  pool: Pool,
  { tenant, transaction_id }: { tenant: string; transaction_id: string },
): Promise<StoredTransaction | undefined> {
  const { rows } = await pool.query<Columns>({
    name: "find_mirrored_transaction",
    text: `
      select
        tenant_id as tenant, instance_id as transaction_id, workflow_id, flow_name, run_id, resets, chain, seq,
        dispatched_at is not null as is_dispatched, confirmed_at is not null as is_confirmed,
        updated_at, clock_timestamp() as read_at, xmin::text as row_version,
        (select reset.run_id from txn_reset as reset
         where reset.tenant_id = txn.tenant_id and reset.instance_id = txn.instance_id and reset.resets = txn.resets
        ) as reset_run,
        status, version, overridden, paused, overdue, pivot_passed, deadline_at, open_exceptions, ignored_messages,
        pending_approvals, output, error, started_at, ended_at
      from txn where tenant_id = $1 and instance_id = $2`,
    values: [tenant, transaction_id],
  })
  return rows[0] && toStored(rows[0])
}

function toStored(columns: Columns): StoredTransaction {
  const { status, version, overridden, paused, overdue, pivot_passed, ...more } = columns
  const { open_exceptions, ignored_messages, pending_approvals, output, error, ...rest } = more
  const { started_at, ended_at, deadline_at, ...names } = rest
  return {
    ...names,
    row: {
      status,
      version,
      overridden,
      paused,
      overdue,
      ...(pivot_passed === true ? { pivot_passed } : {}),
      deadline_at: deadline_at?.getTime() ?? null,
      open_exceptions,
      ignored_messages,
      pending_approvals,
      output,
      error,
      // Not mirrored yet: there is no start to speak of.
      started_at: started_at?.getTime() ?? 0,
      ended_at: ended_at?.getTime() ?? null,
    },
  }
}
