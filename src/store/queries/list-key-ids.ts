import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ key_id: z.string(), secrets: z.coerce.number().int() })

/** Under which master keys secrets are stored, of all tenants. */
export async function listKeyIds(db: Queryable) {
  const { rows } = await db.query(
    "select key_id, count(*) as secrets from secret group by key_id order by key_id",
  )
  return z.array(Row).parse(rows)
}
