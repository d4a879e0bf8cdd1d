import type { Queryable } from "./queryable.ts"

export interface OpenFigures {
  /** By status, without those that ended. */
  transactions: Map<string, number>
  /** By kind. */
  exceptions: Map<string, number>
  /** Accepted, and not in Temporal yet. */
  undispatched: number
}

/** What waits, in one look. Each part reads a partial index that holds little else. */
export async function readOpenFigures(db: Queryable, tenant: string): Promise<OpenFigures> {
  const { rows } = await db.query<{ figure: keyof OpenFigures; name: string; count: number }>(
    `select 'transactions' as figure, status as name, count(*)::integer as count from txn
     where tenant_id = $1 and confirmed_at is null
       and status not in ('success', 'failed', 'compensated', 'cancelled', 'closed')
     group by status
     union all
     select 'exceptions', kind, count(*)::integer from exception
     where tenant_id = $1 and state in ('open', 'reopened')
     group by kind
     union all
     select 'undispatched', '', count(*)::integer from txn where tenant_id = $1 and dispatched_at is null`,
    [tenant],
  )
  const countsOf = (wanted: keyof OpenFigures) =>
    new Map(rows.filter(({ figure }) => figure === wanted).map(({ name, count }) => [name, count]))
  return {
    transactions: countsOf("transactions"),
    exceptions: countsOf("exceptions"),
    undispatched: countsOf("undispatched").get("") ?? 0,
  }
}
