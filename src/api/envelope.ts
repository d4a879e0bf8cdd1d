/** The two shapes every answer has, and how a contract declares them. */
import { z } from "@hono/zod-openapi"

export const Problem = z
  .object({
    code: z.int().openapi({ description: "The HTTP status.", example: 404 }),
    message: z.string(),
    data: z.null(),
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    error: z.string().openapi({ description: "A stable word.", example: "transaction_not_found" }),
    request_id: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z.string().openapi({
            description: "JSON Pointer into the body, or /query/NAME, /path/NAME, /header/NAME.",
            example: "/params/amount",
          }),
          code: z.string(),
          detail: z.string(),
        }),
      )
      .optional(),
  })
  .openapi("Problem")

export function success<T>(data: T) {
  return { code: 0 as const, message: "success" as const, data }
}

/** A contract's successful answer. */
export function successOf<T extends z.ZodType>(description: string, data: T) {
  const schema = z.object({ code: z.literal(0), message: z.literal("success"), data })
  return { description, content: { "application/json": { schema } } }
}

/** The errors a contract names beside those that any route may give. */
export function problemsOf<const S extends number>(...statuses: S[]) {
  const entries = statuses.map((status) => [status, problemAnswer(status)] as const)
  // The keys are exactly the statuses that were given.
  return Object.fromEntries(entries) as Record<S, ReturnType<typeof problemAnswer>>
}

const DESCRIPTIONS: Record<number, string> = {
  400: "The request is malformed.",
  401: "No valid API key.",
  403: "The API key lacks the scope.",
  404: "Not found, or not yours.",
  409: "In conflict with the present state; nothing was changed.",
  412: "Changed since the version in If-Match.",
  413: "The body, or the params in it, are too large.",
  415: "The body is not application/json.",
  422: "The definition has problems, or an Idempotency-Key was used for another request.",
  500: "Something went wrong on our side.",
  503: "Postgres or Temporal is away: try again after Retry-After seconds.",
}

function problemAnswer(status: number) {
  return {
    description: DESCRIPTIONS[status] ?? "An error.",
    content: { "application/problem+json": { schema: Problem } },
  }
}
