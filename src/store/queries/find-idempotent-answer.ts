import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({
  request_hash: z.string(),
  /** Null while the first request is still at work. */
  status: z.int().nullable(),
  body: z.unknown(),
  headers: z.record(z.string(), z.string()).nullable(),
})
export type IdempotentAnswerRow = z.output<typeof Row>

export async function findIdempotentAnswer(db: Queryable, { tenant, key }: { tenant: string; key: string }) {
  const { rows } = await db.query(
    `select request_hash, status, body, headers from idempotency where tenant_id = $1 and key = $2`,
    [tenant, key],
  )
  return rows[0] === undefined ? undefined : Row.parse(rows[0])
}
