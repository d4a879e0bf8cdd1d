/** The business key of a transaction, as its flow says it. */
import type { Plan } from "../contract/plan.ts"
import type { Template } from "../contract/tree.ts"
import { ExpressionError } from "../expression/error.ts"
import { createMeter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import { quote } from "./problem.ts"

/** Temporal keeps it as a search attribute, whose column holds 255 characters. */
const MAX_LENGTH = 255

export class BusinessKeyError extends Error {
  override readonly name = "BusinessKeyError"
}

/**
 * Null when the flow has none, or when it comes to null. Numbers are written as text. Throws
 * `BusinessKeyError` with a sentence for the caller when the params make no usable key.
 */
export function renderBusinessKey(plan: Plan, params: unknown): string | null {
  if (plan.business_key === undefined) return null
  const value = evaluate(plan.business_key, params)
  if (value === null) return null
  if (typeof value !== "string" && typeof value !== "number") {
    throw new BusinessKeyError(`business_key must be text or a number, these params make it ${quote(value)}`)
  }
  const key = String(value)
  if (key === "") throw new BusinessKeyError("business_key must not be empty, these params make it so")
  if (key.length > MAX_LENGTH) {
    throw new BusinessKeyError(
      `business_key may have ${MAX_LENGTH} characters, these params make ${key.length}`,
    )
  }
  return key
}

function evaluate(template: Template, params: unknown): unknown {
  try {
    return render(template, { params }, createMeter())
  } catch (cause) {
    if (!(cause instanceof ExpressionError)) throw cause
    throw new BusinessKeyError(`business_key cannot be worked out from these params: ${cause.message}`, {
      cause,
    })
  }
}
