import { z } from "@hono/zod-openapi"

export const SuccessRate = z
  .number()
  .min(0)
  .max(1)
  .nullable()
  .openapi({ description: "0 to 1: successes among what has ended. Null while nothing has." })

export function successRate(counts: { success_count: number; ended_count: number }): number | null {
  return counts.ended_count === 0 ? null : counts.success_count / counts.ended_count
}
