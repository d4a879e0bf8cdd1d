import { z } from "@hono/zod-openapi"
import { DurationError, parseDuration } from "../contract/duration.ts"

/** A duration in a body, as authors of flows write them; milliseconds once it is read. */
export const durationField = z.unknown().transform((value, context): number => {
  try {
    return parseDuration(value)
  } catch (error) {
    if (!(error instanceof DurationError)) throw error
    context.issues.push({ code: "custom", message: error.message, input: value })
    return z.NEVER
  }
})
