/** Params that leave a task without an input: known at the start, before any other task has run. */
import type { Plan } from "../contract/plan.ts"
import { toJson } from "../expression/border.ts"
import { ExpressionError, Fault } from "../expression/error.ts"
import { CEL_1_LIMITS, createMeter } from "../expression/meter.ts"
import { render } from "../expression/render.ts"

/** Bytes that a task's input may have, as expressions count them. */
export const MAX_INPUT_BYTES = CEL_1_LIMITS.value_bytes

/**
 * The first task whose input these params alone make larger than an expression's result may be: one without
 * `input` gets all of them. Inputs that read other tasks are judged when those have run.
 */
export function findInputTooLarge({ tasks }: Plan, params: unknown): string | undefined {
  if (fits(params)) return undefined
  const seen = new Set<string>()
  return tasks.find(({ input }) => {
    const text = JSON.stringify(input)
    if (seen.has(text)) return false
    seen.add(text)
    return isTooLarge(() => render(input, { params }, createMeter()))
  })?.id
}

/** What fits as a whole fits in its parts; most params are far below and cost one look. */
function fits(params: unknown): boolean {
  return !isTooLarge(() => toJson(params, { bytes: MAX_INPUT_BYTES }, CEL_1_LIMITS))
}

/** Other errors are not about the params alone: other tasks' outputs are not there yet. */
function isTooLarge(work: () => unknown): boolean {
  try {
    work()
    return false
  } catch (thrown) {
    if (thrown instanceof Fault || thrown instanceof ExpressionError) return thrown.code === "limit_exceeded"
    throw thrown
  }
}
