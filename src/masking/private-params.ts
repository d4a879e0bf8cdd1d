/**
 * What a flow's `mask` hides: the values at its pointers into `params`, wherever the API would show them again. They
 * stay what they are in Postgres and in Temporal's history, which the transaction runs from.
 */
import type { Plan } from "../contract/plan.ts"
import { REDACTED } from "../contract/secret-names.ts"
import { createMask } from "./mask.ts"

export interface Privacy {
  /** A copy of the transaction's own params without what its flow hides. */
  params: (params: unknown) => unknown
  /** A copy of anything else without those values. */
  hide: <T>(value: T) => T
}

const OPEN: Privacy = { params: (params) => params, hide: (value) => value }

export function createPrivacy({ mask: pointers }: Pick<Plan, "mask">, params: unknown): Privacy {
  if (pointers === undefined || pointers.length === 0) return OPEN
  const mask = createMask()
  for (const pointer of pointers) for (const leaf of leavesOf(read(params, pointer))) mask.learn(leaf)
  return {
    params: (shown) => mask.values(pointers.reduce(withoutValueAt, shown)),
    // A copy of the same shape: texts and numbers in it may have become another text.
    hide: <T>(value: T) => mask.values(value) as T,
  }
}

/** The steps of `/params/a/b`, without the first. */
function stepsOf(pointer: string): string[] {
  const steps = pointer.split("/").slice(2)
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
}

function read(params: unknown, pointer: string): unknown {
  return stepsOf(pointer).reduce<unknown>(
    (value, step) => (has(value, step) ? value[step] : undefined),
    params,
  )
}

function withoutValueAt(params: unknown, pointer: string): unknown {
  const replace = (value: unknown, [step, ...rest]: string[]): unknown => {
    if (step === undefined) return REDACTED
    if (!has(value, step)) return value
    const inner = replace(value[step], rest)
    return Array.isArray(value)
      ? value.map((item: unknown, at) => (String(at) === step ? inner : item))
      : Object.fromEntries(Object.entries(value).map(([name, item]) => [name, name === step ? inner : item]))
  }
  return replace(params, stepsOf(pointer))
}

function has(value: unknown, step: string): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.hasOwn(value, step)
}

/** Texts and numbers, however deep. The schema of params bounds how deep. */
function leavesOf(value: unknown): string[] {
  if (typeof value === "string") return [value]
  if (typeof value === "number") return [String(value)]
  if (typeof value !== "object" || value === null) return []
  return Object.values(value).flatMap(leavesOf)
}
