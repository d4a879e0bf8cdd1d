import { createRoute, z } from "@hono/zod-openapi"
import { snoozeException } from "../../../store/queries/snooze-exception.ts"
import { durationField } from "../../duration-field.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Exception } from "../../exception-view.ts"
import { noteException } from "../../note-exception.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { ExceptionId } from "../../texts.ts"

const MAX_DAYS = 90
const DAY_MS = 86_400_000

const SnoozeBody = z
  .strictObject({
    until: z.iso.datetime({ offset: true }).nullable().optional().openapi({
      description: "null wakes it.",
    }),
    for: durationField
      .nullable()
      .optional()
      .openapi({ type: ["string", "null"], description: "Such as 30m, 2h or 7d; null wakes it." }),
  })
  .refine((body) => (body.until === undefined) !== (body.for === undefined), {
    error: "give either until or for",
    path: ["until"],
  })
  .openapi("SnoozeException", { example: { for: "2h" } })

export const snoozeExceptionRoute = defineRoute({
  scope: "exceptions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/exceptions/{id}/snooze",
    operationId: "snooze-exception",
    tags: ["exceptions"],
    summary: "Let an open exception sleep, or wake it",
    description: `At most ${MAX_DAYS} days. It stays in lists unless they ask for \`snoozed=false\`, and wakes when it is opened again. The transaction does not move.`,
    request: {
      params: z.object({ id: ExceptionId }),
      body: { required: true, content: { "application/json": { schema: SnoozeBody } } },
    },
    responses: { 200: successOf("The exception as it is now.", Exception), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { id } = c.req.valid("param")
    const until = toWakeTime(c.req.valid("json"), Date.now())
    const record = () => snoozeException(services.pool, { tenant, id, until })
    return c.json(success(await noteException(services, { tenant, id, record })), 200)
  },
})

/**
 * Here and not in the schema: a repeat under an `Idempotency-Key` gets its answer also when the time has come.
 * @throws {ApiProblem} `request_invalid` for a time that is past, or too far.
 */
function toWakeTime(body: z.output<typeof SnoozeBody>, now: number): Date | null {
  const given = body.until ?? body.for ?? null
  if (given === null) return null
  const wakesAt = typeof given === "number" ? now + given : Date.parse(given)
  if (wakesAt > now && wakesAt <= now + MAX_DAYS * DAY_MS) return new Date(wakesAt)
  const pointer = typeof given === "number" ? "/for" : "/until"
  const detail = `must lie in the future, at most ${MAX_DAYS} days from now`
  throw new ApiProblem("request_invalid", {
    detail: `${pointer}: ${detail}`,
    errors: [{ pointer, code: "out_of_range", detail }],
  })
}
