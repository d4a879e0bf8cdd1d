import { z } from "zod"
import { position, timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"
import type { Slice } from "./slice.ts"

const Row = z.object({
  id: z.string(),
  /** Empty for the transaction itself. */
  path: z.string(),
  action: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
  created_at: timestamp,
  created_us: position,
})
export type LogRow = z.output<typeof Row>

interface Transaction {
  tenant: string
  instance_id: string
}

/**
 * What happened in a transaction, told from the rows of the mirror. Ids begin with a digit that puts causes
 * before effects where both fell into the same moment.
 */
export const LOG_LINES = `
  select '0.transaction' as id, '' as path, 'accept' as action, 'accepted by ' || actor as message,
    json_build_object('flow', flow_name, 'version', flow_version) as details, created_at as at
  from txn where tenant_id = $1 and instance_id = $2
  union all
  select '2.' || path || '.start', path, 'start', 'the task started', '{}'::json, started_at
  from txn_task where tenant_id = $1 and instance_id = $2 and started_at is not null
  union all
  select concat_ws('.', 3, path, generation, operation, attempt, extract(epoch from started_at)), path,
    case when row_number() over (partition by path, operation order by started_at) = 1 then 'attempt' else 'retry' end,
    concat('attempt ', attempt, ': ', class, ' ' || code, ': ' || message),
    json_build_object('generation', generation, 'operation', operation, 'attempt', attempt, 'class', class,
      'outcome', outcome, 'code', code, 'started_at', started_at, 'ended_at', ended_at),
    ended_at
  from txn_attempt where tenant_id = $1 and instance_id = $2
  union all
  select concat_ws('.', 4, path, 'end'), path, status,
    concat('the task ended: ', status, ', outcome ', outcome, ': ' || coalesce(error ->> 'message', reason)),
    json_build_object('generation', generation, 'outcome', outcome, 'reason', reason, 'error', error), ended_at
  from txn_task
  where tenant_id = $1 and instance_id = $2 and ended_at is not null and status not in ('running', 'parked')
  union all
  select concat_ws('.', 5, id), path, 'exception', code || ': ' || message,
    json_build_object('exception_id', id, 'kind', kind, 'severity', severity, 'outcome', outcome,
      'occurrence', occurrence, 'state', state), occurred_at
  from exception where tenant_id = $1 and instance_id = $2
  union all
  select concat_ws('.', 6, id, 'handled'), path, 'handle',
    concat('handled by ', handled_by, ': ' || handled_remark), json_build_object('exception_id', id), handled_at
  from exception where tenant_id = $1 and instance_id = $2 and handled_at is not null
  union all
  select concat_ws('.', 7, decision_id), coalesce(path, ''), action,
    concat(action, ' decided by ', actor, ': ' || reason),
    json_build_object('decision_id', decision_id, 'actor', actor, 'reason', reason, 'attest', attest), decided_at
  from decision where tenant_id = $1 and instance_id = $2
  union all
  select '9.transaction', '', status, concat('the transaction ended: ', status, ': ' || (error ->> 'message')),
    json_build_object('error', error), ended_at
  from txn
  where tenant_id = $1 and instance_id = $2 and ended_at is not null
    and status in ('success', 'failed', 'compensated', 'cancelled', 'closed')`

/**
 * Oldest first. Within one moment tasks keep the order of the flow: where one ends and the next starts at once,
 * both have the same time.
 */
export async function listLog(
  db: Queryable,
  { tenant, instance_id }: Transaction,
  { limit, offset, after }: Slice,
): Promise<LogRow[]> {
  const { rows } = await db.query(
    `with line as (${LOG_LINES}), placed as (
       select
         case when line.id like '0.%' then '0000'
              when line.path = '' then '9999'
              else coalesce(lpad(task.task_index::text, 4, '0'), '9998') end || '.' || line.id as id,
         line.path, line.action, line.message, line.details, line.at,
         (extract(epoch from line.at) * 1000000)::bigint as us
       from line
       left join txn_task task on task.tenant_id = $1 and task.instance_id = $2 and task.path = line.path
     )
     select id, path, action, message, details, at as created_at, us::text as created_us
     from placed
     where $3::bigint is null or (us, id collate "C") > ($3::bigint, $4::text collate "C")
     order by us, id collate "C"
     limit $5 offset $6`,
    [tenant, instance_id, after?.at ?? null, after?.id ?? null, limit, offset],
  )
  return z.array(Row).parse(rows)
}
