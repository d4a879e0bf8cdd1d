import { z } from "zod"
import { bigint, timestamp } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

export const EventRow = z.object({
  id: bigint,
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  at: timestamp,
})
export type EventRow = z.output<typeof EventRow>

/** What was told of one transaction after the event `after`, in order. */
export async function listEvents(
  db: Queryable,
  {
    tenant,
    instance_id,
    after,
    limit,
  }: { tenant: string; instance_id: string; after: number; limit: number },
): Promise<EventRow[]> {
  const { rows } = await db.query(
    `select id, type, data, at from event
     where tenant_id = $1 and instance_id = $2 and id > $3
     order by id limit $4`,
    [tenant, instance_id, after, limit],
  )
  return z.array(EventRow).parse(rows)
}
