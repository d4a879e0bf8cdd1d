import { z } from "zod"
import { bigint } from "./columns.ts"
import { hasEnded, type TransactionFilter } from "./list-transactions.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ total: bigint })

export async function countTransactions(db: Queryable, filter: TransactionFilter): Promise<number> {
  const { rows } = await db.query(
    `select count(*) as total
     from txn as t
     where tenant_id = $1
       and ($2::text is null or status = $2)
       and ($3::text is null or flow_id = $3 or flow_name = $3)
       and ($4::text is null or business_key = $4)
       and ($5::jsonb is null or (labels <> '{}' and labels @> $5))
       and ($6::text[] is null or instance_id = any($6))
       and ($7::boolean is null or (not ${hasEnded}) = $7)`,
    [
      filter.tenant,
      filter.status,
      filter.flow,
      filter.business_key,
      filter.labels === null ? null : JSON.stringify(filter.labels),
      filter.instance_ids,
      filter.open,
    ],
  )
  return Row.parse(rows[0]).total
}
