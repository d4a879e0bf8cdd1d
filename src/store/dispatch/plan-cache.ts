/** Plans by their hash, in the form in which they travel. They never change, so they are never read again. */
import { inflateSync, strFromU8 } from "fflate"
import type { Pool } from "pg"
import { MAX_INLINE_PLAN_BYTES } from "../../contract/messages.ts"
import type { Plan } from "../../contract/plan.ts"
import { findPlan } from "../queries/find-plan.ts"
import type { TransactionStart } from "../queries/find-start.ts"

/** A small plan travels inside the start input; a large one as an argument of its own, deflated. */
export type TravellingPlan = { plan: Plan } | { packed: Uint8Array }

const MAX_CACHED = 200

export interface PlanCache {
  /** @throws Error when the flow version is not stored. */
  get(start: TransactionStart): Promise<TravellingPlan>
}

export function createPlanCache(pool: Pool): PlanCache {
  const plans = new Map<string, TravellingPlan>()
  return {
    async get({ tenant, flow_id, flow_version, plan_hash }) {
      const cached = plans.get(plan_hash)
      if (cached) return cached
      const bytes = await findPlan(pool, { tenant, flow_id, version: flow_version })
      if (!bytes)
        throw new Error(
          `version ${flow_version} of flow ${flow_id} is not stored: its transactions cannot start`,
        )
      const plan = toTravelling(bytes)
      const [oldest] = plans.keys()
      if (plans.size >= MAX_CACHED && oldest !== undefined) plans.delete(oldest)
      plans.set(plan_hash, plan)
      return plan
    },
  }
}

export function toTravelling(packed: Uint8Array): TravellingPlan {
  const json = inflateSync(packed)
  // What the API compiled, checked and stored.
  return json.length <= MAX_INLINE_PLAN_BYTES ? { plan: JSON.parse(strFromU8(json)) as Plan } : { packed }
}
