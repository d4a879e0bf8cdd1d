import { z } from "zod"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ others: z.boolean(), self: z.boolean() })

export interface Approvers {
  tenant: string
  /** Told from others by the name. */
  actor: string
  /** What a key of its own scopes must have. */
  scope: string
  /** The roles that have the scope. */
  roles: readonly string[]
}

/** Who of the tenant may approve, by keys that are neither revoked nor expired: somebody else, the actor. */
export async function findApprovers(
  db: Queryable,
  { tenant, actor, scope, roles }: Approvers,
): Promise<z.output<typeof Row>> {
  const { rows } = await db.query(
    `select coalesce(bool_or(name <> $2), false) as others, coalesce(bool_or(name = $2), false) as self
     from api_key
     where tenant_id = $1 and revoked_at is null and expires_at > now()
       and case when role is null then $3 = any (scopes) else role = any ($4) end`,
    [tenant, actor, scope, roles],
  )
  return Row.parse(rows[0])
}
