/** The labels of a transaction, as its flow says them. */
import type { Plan } from "../contract/plan.ts"
import { ExpressionError } from "../expression/error.ts"
import { createMeter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"
import { quote } from "./problem.ts"

const MAX_LENGTH = 255

export class LabelError extends Error {
  override readonly name = "LabelError"
}

/**
 * Numbers and booleans are written as text; a label that comes to null is left out. Throws `LabelError` with a
 * sentence for the caller when the params make no usable label.
 */
export function renderLabels(plan: Plan, params: unknown): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [name, template] of Object.entries(plan.labels ?? {})) {
    const value = evaluate(name, () => render(template, { params }, createMeter()))
    if (value === null) continue
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
      throw new LabelError(
        `the label ${name} must be text, a number or a boolean, these params make it ${quote(value)}`,
      )
    }
    const text = String(value)
    if (text.length > MAX_LENGTH) {
      throw new LabelError(
        `the label ${name} may have ${MAX_LENGTH} characters, these params make ${text.length}`,
      )
    }
    labels[name] = text
  }
  return labels
}

function evaluate(name: string, work: () => unknown): unknown {
  try {
    return work()
  } catch (cause) {
    if (!(cause instanceof ExpressionError)) throw cause
    throw new LabelError(`the label ${name} cannot be worked out from these params: ${cause.message}`, {
      cause,
    })
  }
}
