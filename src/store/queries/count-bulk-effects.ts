import { z } from "zod"
import { BULK_ITEM_STATES, type BulkKey } from "../../contract/bulk.ts"
import { EFFECTS } from "../../contract/statuses.ts"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  effect: z.enum(EFFECTS).nullable(),
  state: z.enum(BULK_ITEM_STATES),
  code: z.string().nullable(),
  count: bigint,
})
export type BulkEffectCount = z.output<typeof Row>

/** How many items of each kind there are, most first. */
export async function countBulkEffects(
  db: Queryable,
  { tenant, job_id }: BulkKey,
): Promise<BulkEffectCount[]> {
  const { rows } = await db.query(
    `select effect, state, code, count(*) as count
     from bulk_item
     where tenant_id = $1 and job_id = $2
     group by effect, state, code
     order by count desc, state, effect, code`,
    [tenant, job_id],
  )
  return z.array(Row).parse(rows)
}
