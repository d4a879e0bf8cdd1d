/** A plan as bytes: what its hash is taken of, and how it is stored and travels. */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js"
import { deflateSync, inflateSync, strFromU8, strToU8 } from "fflate"
import { type Plan, PLAN_FORMAT } from "../contract/plan.ts"

/**
 * JSON without spaces whose keys are in one order, whatever order they were written in: equal values, equal text.
 * Members that are undefined are left out.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(isInOrder(value) ? value : inOrder(value)) ?? "null"
}

/** sha256 of the canonical JSON, in hex: the plan's address. */
export function planHash(plan: Plan): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(plan))))
}

/** Canonical JSON, deflated (RFC 1951): equal plans have equal bytes. */
export function packPlan(plan: Plan): Uint8Array {
  return deflateSync(strToU8(canonicalJson(plan)))
}

/** Throws for bytes that are no plan of this format. */
export function unpackPlan(bytes: Uint8Array): Plan {
  // Only `packPlan` writes these bytes; the format number is what may differ.
  const plan = JSON.parse(strFromU8(inflateSync(bytes))) as Plan
  if (plan.format !== PLAN_FORMAT) {
    throw new Error(
      `expected a plan of format ${String(PLAN_FORMAT)}, got ${String(plan.format)}: publish the flow again`,
    )
  }
  return plan
}

/** A look that allocates nothing: a plan, once its keys were ordered, is asked again for its hash and its bytes. */
function isInOrder(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true
  if (Array.isArray(value)) return value.every(isInOrder)
  let before: string | undefined
  for (const [key, member] of Object.entries(value)) {
    if ((before !== undefined && before >= key) || !isInOrder(member)) return false
    before = key
  }
  return true
}

/** The value itself where nothing is out of order: most of a plan is lists, which are written natively. */
function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) {
    const members = value.map(inOrder)
    return members.every((member, index) => member === value[index]) ? value : members
  }
  const entries = Object.entries(value)
  const ordered = entries.map(([key, member]): [string, unknown] => [key, inOrder(member)])
  const sorted = ordered.every(([key], index) => index === 0 || (ordered[index - 1]?.[0] ?? "") < key)
  if (sorted && ordered.every(([, member], index) => member === entries[index]?.[1])) return value
  return Object.fromEntries(sorted ? ordered : ordered.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
