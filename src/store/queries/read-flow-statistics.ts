import { z } from "zod"
import { bigint, timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  total_runs: bigint,
  running_count: bigint,
  blocked_count: bigint,
  success_count: bigint,
  failed_count: bigint,
  ended_count: bigint,
  avg_duration: z.number().nullable(),
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  last_run_at: timestamp.nullable(),
})
export type FlowStatistics = z.output<typeof Row>

/** Durations in seconds, from the acceptance to the end, of those that have ended. */
export async function readFlowStatistics(
  db: Queryable,
  { tenant, flow_id }: { tenant: string; flow_id: string },
): Promise<FlowStatistics> {
  const { rows } = await db.query(
    `with run as (
       select status, created_at,
         case when status in ('success', 'failed', 'compensated', 'cancelled', 'closed')
              then extract(epoch from ended_at - created_at)::double precision end as seconds
       from txn where tenant_id = $1 and flow_id = $2
     )
     select
       count(*) as total_runs,
       count(*) filter (where status in ('pending', 'running', 'compensating')) as running_count,
       count(*) filter (where status = 'blocked') as blocked_count,
       count(*) filter (where status = 'success') as success_count,
       count(*) filter (where status = 'failed') as failed_count,
       count(*) filter (where status in ('success', 'failed', 'compensated', 'cancelled', 'closed')) as ended_count,
       avg(seconds) as avg_duration,
       percentile_cont(0.5) within group (order by seconds) as p50,
       percentile_cont(0.95) within group (order by seconds) as p95,
       max(created_at) as last_run_at
     from run`,
    [tenant, flow_id],
  )
  return Row.parse(rows[0])
}
