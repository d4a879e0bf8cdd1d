import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  total_flows: bigint,
  total_transactions: bigint,
  running_count: bigint,
  blocked_count: bigint,
  success_count: bigint,
  failed_count: bigint,
  ended_count: bigint,
  transactions_today: bigint,
  avg_duration: z.number().nullable(),
  exceptions_today: bigint,
  open_exceptions: bigint,
  unhandled_exceptions: bigint,
})
export type OverviewStatistics = z.output<typeof Row>

/** Durations in seconds, from the acceptance to the end; a day is one of UTC. */
export async function readOverviewStatistics(db: Queryable, tenant: string): Promise<OverviewStatistics> {
  const { rows } = await db.query(
    `with today as (
       select date_trunc('day', now() at time zone 'utc') at time zone 'utc' as since
     ), transactions as (
       select
         count(*) as total_transactions,
         count(*) filter (where status in ('pending', 'running', 'compensating')) as running_count,
         count(*) filter (where status = 'blocked') as blocked_count,
         count(*) filter (where status = 'success') as success_count,
         count(*) filter (where status = 'failed') as failed_count,
         count(*) filter (where status in ('success', 'failed', 'compensated', 'cancelled', 'closed')) as ended_count,
         count(*) filter (where created_at >= today.since) as transactions_today,
         (avg(extract(epoch from ended_at - created_at))
           filter (where status in ('success', 'failed', 'compensated', 'cancelled', 'closed')))::double precision as avg_duration
       from txn, today where tenant_id = $1
     ), exceptions as (
       select
         count(*) filter (where occurred_at >= today.since) as exceptions_today,
         count(*) filter (where state in ('open', 'reopened') and kind <> 'early_warning') as open_exceptions,
         count(*) filter (where not handled) as unhandled_exceptions
       from exception, today where tenant_id = $1
     ), flows as (
       select count(*) as total_flows from flow where tenant_id = $1 and deleted_at is null
     )
     select * from transactions, exceptions, flows`,
    [tenant],
  )
  return Row.parse(rows[0])
}
