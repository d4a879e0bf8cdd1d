import { z } from "zod"
import { EXCEPTION_KINDS, SEVERITIES } from "../../contract/statuses.ts"
import { bigint, timestamp } from "./columns.ts"
import { computedGroup, exceptionFilter, type ExceptionFilter, filterValues } from "./exception-filter.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  group: z.string(),
  flow_id: z.string(),
  flow_name: z.string(),
  /** Empty for the transaction itself. */
  path: z.string(),
  operation: z.string(),
  kind: z.enum(EXCEPTION_KINDS),
  code: z.string(),
  /** The worst of its members. */
  severity: z.enum(SEVERITIES),
  count: bigint,
  /** Of how many a plain retry is safe now. */
  retry_safe_count: bigint,
  oldest_at: timestamp,
  newest_at: timestamp,
  /** The record that was made last, with its transaction and what it says. */
  example_id: bigint,
  instance_id: z.string(),
  flow_version: z.int(),
  message: z.string(),
})
export type ExceptionGroupRow = z.output<typeof Row>

/** What failed in the same way, newest activity first. Open records only, unless the filter names a state. */
export async function listExceptionGroups(
  db: Queryable,
  filter: ExceptionFilter,
  { limit }: { limit: number },
): Promise<ExceptionGroupRow[]> {
  const { rows } = await db.query(
    `with grouped as (
       select
         coalesce(e.group_hash, ${computedGroup}) as "group", t.flow_id, e.path, e.operation, e.kind, e.code,
         max(array_position($14::text[], e.severity)) as worst,
         count(*) as count,
         count(*) filter (
           where e.retry_safe and (e.retry_safe_until is null or e.retry_safe_until > now())
         ) as retry_safe_count,
         min(e.occurred_at) as oldest_at,
         max(e.occurred_at) as newest_at,
         max(e.id) as example_id
       from exception e
       join txn t on t.tenant_id = e.tenant_id and t.instance_id = e.instance_id
       where ${exceptionFilter} and ($5::text is not null or e.state in ('open', 'reopened'))
       group by 1, 2, 3, 4, 5, 6
       order by newest_at desc, 1
       limit $15
     )
     select grouped.*, ($14::text[])[grouped.worst] as severity, t.flow_name, t.flow_version, e.instance_id, e.message
     from grouped
     join exception e on e.id = grouped.example_id
     join txn t on t.tenant_id = e.tenant_id and t.instance_id = e.instance_id
     order by grouped.newest_at desc, grouped."group"`,
    [...filterValues(filter), SEVERITIES, limit],
  )
  return z.array(Row).parse(rows)
}
