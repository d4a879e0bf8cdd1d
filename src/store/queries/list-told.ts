import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ tenant_id: z.string(), instance_id: z.string(), newest: bigint, events: bigint })

/** Which transactions the `limit` events after `after` tell of, with the newest of each and their number. */
export async function listTold(db: Queryable, { after, limit }: { after: number; limit: number }) {
  const { rows } = await db.query({
    name: "list_told",
    text: `
      select tenant_id, instance_id, max(id) as newest, count(*) as events
      from (select id, tenant_id, instance_id from event where id > $1 order by id limit $2) as told
      group by tenant_id, instance_id`,
    values: [after, limit],
  })
  return z.array(Row).parse(rows)
}

/** 0 without any. */
export async function findNewestEvent(db: Queryable): Promise<number> {
  const { rows } = await db.query("select coalesce(max(id), 0) as newest from event")
  return z.object({ newest: bigint }).parse(rows[0]).newest
}
