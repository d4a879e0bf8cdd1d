import { z } from "zod"
import { BULK_WINDOW, type BulkKey, type BulkProgress } from "../../contract/bulk.ts"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  pending: bigint,
  all_sent: bigint,
  sent: bigint,
  settled: bigint,
  failed: bigint,
  asked: bigint,
})

export async function readBulkProgress(
  db: Queryable,
  { tenant, job_id }: BulkKey,
): Promise<Omit<BulkProgress, "stuck"> & { asked: number }> {
  const { rows } = await db.query(
    `with recent as (
       select i.state
       from bulk_item as i
       join bulk_job as j on j.tenant_id = i.tenant_id and j.id = i.job_id
       where i.tenant_id = $1 and i.job_id = $2 and i.state in ('succeeded', 'failed')
         and i.settled_at >= j.resumed_at
       order by i.settled_at desc
       limit $3
     )
     select
       (select count(*) from bulk_item where tenant_id = $1 and job_id = $2 and state = 'pending') as pending,
       (select count(*) from bulk_item where tenant_id = $1 and job_id = $2 and state = 'sent') as all_sent,
       (select count(*) from bulk_item where tenant_id = $1 and job_id = $2 and sent_at is not null) as asked,
       (select count(*) from bulk_item as i join bulk_job as j on j.tenant_id = i.tenant_id and j.id = i.job_id
        where i.tenant_id = $1 and i.job_id = $2 and i.state = 'sent' and i.sent_at >= j.resumed_at) as sent,
       (select count(*) from recent) as settled,
       (select count(*) from recent where state = 'failed') as failed`,
    [tenant, job_id, BULK_WINDOW],
  )
  const { pending, all_sent, asked, ...recent } = Row.parse(rows[0])
  return { pending, sent: all_sent, recent, asked }
}
