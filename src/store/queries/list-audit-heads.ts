import { z } from "zod"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ tenant: z.string(), seq: bigint.nullable(), hash: z.string().nullable() })

/** The remembered ends of all chains, or of one tenant's; without a head where only rows are there. */
export async function listAuditHeads(db: Queryable, tenant: string | null) {
  const { rows } = await db.query(
    `select coalesce(h.tenant_id, a.tenant_id) as tenant, h.seq, h.hash
     from audit_head h
     full join (select distinct tenant_id from audit) a on a.tenant_id = h.tenant_id
     where $1::text is null or coalesce(h.tenant_id, a.tenant_id) = $1
     order by 1`,
    [tenant],
  )
  return z
    .array(Row)
    .parse(rows)
    .map(({ tenant, seq, hash }) => ({
      tenant,
      head: seq === null || hash === null ? undefined : { seq, hash },
    }))
}
