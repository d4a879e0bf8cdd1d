import { z } from "zod"
import { END_STATUSES } from "../../contract/statuses.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"
import { transactionColumns, TransactionRow } from "./transaction-row.ts"

export interface TransactionFilter {
  tenant: string
  status: string | null
  /** Id or name. */
  flow: string | null
  business_key: string | null
  /** All of these; null for any. */
  labels: Record<string, string> | null
  /** Any of these. */
  instance_ids: readonly string[] | null
  /** Has not ended, or has. */
  open: boolean | null
}

/** Of the row `t` of `txn`. */
export const hasEnded = `t.status in (${END_STATUSES.map((status) => `'${status}'`).join(", ")})`

/** Newest first. */
export async function listTransactions(
  db: Queryable,
  filter: TransactionFilter,
  { limit, offset, after }: Slice,
) {
  const { rows } = await db.query(
    `select ${transactionColumns}
     from txn t
     where t.tenant_id = $1
       and ($2::text is null or t.status = $2)
       and ($3::text is null or t.flow_id = $3 or t.flow_name = $3)
       and ($4::text is null or t.business_key = $4)
       and ($5::jsonb is null or (t.labels <> '{}' and t.labels @> $5))
       and ($6::text[] is null or t.instance_id = any($6))
       and ($7::boolean is null or (not ${hasEnded}) = $7)
       and ($8::bigint is null
            or t.created_at < timestamptz 'epoch' + $8::bigint * interval '1 microsecond'
            or (t.created_at = timestamptz 'epoch' + $8::bigint * interval '1 microsecond' and t.instance_id > $9))
     order by t.created_at desc, t.instance_id
     limit $10 offset $11`,
    [
      filter.tenant,
      filter.status,
      filter.flow,
      filter.business_key,
      filter.labels === null ? null : JSON.stringify(filter.labels),
      filter.instance_ids,
      filter.open,
      after?.at ?? null,
      after?.id ?? null,
      limit,
      offset,
    ],
  )
  return z.array(TransactionRow).parse(rows)
}
