import { inflateSync, strFromU8 } from "fflate"
import { z } from "zod"
import type { Plan } from "../../contract/plan.ts"
import type { Queryable } from "./queryable.ts"

const Row = z.object({ params: z.unknown(), plan: z.instanceof(Uint8Array).nullable() })

/** A transaction's params and what its flow says to hide of them; `undefined` when it is not stored. */
export async function findPrivateParams(
  db: Queryable,
  { tenant, transaction_id }: { tenant: string; transaction_id: string },
): Promise<{ params: unknown; plan: Pick<Plan, "mask"> } | undefined> {
  const { rows } = await db.query({
    name: "find_private_params",
    text: `
      select t.params, v.plan
      from txn t
      left join flow_version v
        on v.tenant_id = t.tenant_id and v.flow_id = t.flow_id and v.version = t.flow_version
      where t.tenant_id = $1 and t.instance_id = $2`,
    values: [tenant, transaction_id],
  })
  if (rows[0] === undefined) return undefined
  const { params, plan } = Row.parse(rows[0])
  // What the API compiled, checked and stored.
  return { params, plan: plan === null ? {} : (JSON.parse(strFromU8(inflateSync(plan))) as Plan) }
}
