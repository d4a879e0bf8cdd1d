import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ found: z.boolean() })

export interface Approvers {
  tenant: string
  /** Somebody of another name is looked for. */
  actor: string
  /** What a key of its own scopes must have. */
  scope: string
  /** The roles that have the scope. */
  roles: readonly string[]
}

/** Whether the tenant has a key, neither revoked nor expired, of somebody else who may approve. */
export async function hasOtherApprover(
  db: Queryable,
  { tenant, actor, scope, roles }: Approvers,
): Promise<boolean> {
  const { rows } = await db.query(
    `select exists (
       select from api_key
       where tenant_id = $1 and name <> $2 and revoked_at is null and expires_at > now()
         and case when role is null then $3 = any (scopes) else role = any ($4) end
     ) as found`,
    [tenant, actor, scope, roles],
  )
  return Row.parse(rows[0]).found
}
