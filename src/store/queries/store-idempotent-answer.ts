import type { Queryable } from "./queryable.ts"

interface Answer {
  tenant: string
  key: string
  /** From `claimIdempotencyKey`: a claim that was taken over meanwhile stores nothing. */
  claimedAt: string
  status: number
  body: unknown
  headers: Record<string, string>
}

export async function storeIdempotentAnswer(db: Queryable, answer: Answer): Promise<void> {
  await db.query(
    `update idempotency set status = $4, body = $5, headers = $6
     where tenant_id = $1 and key = $2 and created_at = $3::timestamptz and status is null`,
    [
      answer.tenant,
      answer.key,
      answer.claimedAt,
      answer.status,
      JSON.stringify(answer.body),
      JSON.stringify(answer.headers),
    ],
  )
}
