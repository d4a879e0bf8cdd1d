/**
 * Plans by hash, shared by all runs in one worker. This module is preloaded into the reusable context, so it
 * must not hold anything of a single run; the map itself is not exported, because exports of preloaded
 * modules are frozen.
 */
import { inflateSync, strFromU8 } from "fflate"
import { type Plan, PLAN_FORMAT } from "../contract/plan.ts"
import { createGraph, type Graph } from "../engine/graph.ts"

export interface LoadedPlan {
  plan: Plan
  graph: Graph
}

const MAX_PLANS = 256
const loaded = new Map<string, LoadedPlan>()

/**
 * @param hash under which the plan is kept; the start input's word for it.
 * @throws when this build cannot read the plan: another one may.
 */
export function loadPlan(hash: string, plan: Plan | Uint8Array): LoadedPlan {
  const known = loaded.get(hash)
  if (known) return known
  const found = plan instanceof Uint8Array ? unpack(plan) : plan
  const format: number = found.format
  if (format !== PLAN_FORMAT)
    throw new Error(`this build reads plans of format ${PLAN_FORMAT}, not ${format}`)
  const entry = { plan: deepFreeze(found), graph: createGraph(found) }
  if (loaded.size >= MAX_PLANS) {
    const [oldest] = loaded.keys()
    if (oldest !== undefined) loaded.delete(oldest)
  }
  loaded.set(hash, entry)
  return entry
}

function unpack(packed: Uint8Array): Plan {
  // Packed by flow/plan-bytes from a plan that the compiler made.
  return JSON.parse(strFromU8(inflateSync(packed))) as Plan
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const item of Object.values(value)) deepFreeze(item)
  return value
}
