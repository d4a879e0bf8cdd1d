import type { Queryable } from "./queryable.ts"

/** Forgets a decision that its run never took. One that was recorded under the id since is another one. */
export async function deleteDecision(
  db: Queryable,
  {
    tenant,
    instance_id,
    decision_id,
    decided_at,
  }: Record<"tenant" | "instance_id" | "decision_id", string> & {
    decided_at: Date
  },
): Promise<void> {
  await db.query(
    `delete from decision
     where tenant_id = $1 and instance_id = $2 and decision_id = $3
       and date_trunc('milliseconds', decided_at) = $4`,
    [tenant, instance_id, decision_id, decided_at],
  )
}
