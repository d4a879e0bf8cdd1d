import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { retryException } from "../../retry-exception.ts"
import { defineRoute } from "../../route.ts"
import { ReasonBody, toDecision } from "../../routed-decision.ts"
import { ExceptionId } from "../../texts.ts"

const Scheduled = z.object({
  exception_id: z.int(),
  retry_scheduled: z.literal(true),
  retry_next_at: z.iso.datetime().openapi({ description: "When it was accepted: the task runs at once." }),
})

export const retryExceptionRoute = defineRoute({
  scope: "exceptions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/exceptions/{id}/retry",
    operationId: "retry-exception",
    tags: ["exceptions"],
    summary: "Retry the task that an exception stopped",
    description: "Of a failed transaction all failed tasks: it goes on from where it stopped.",
    request: {
      params: z.object({ id: ExceptionId }),
      body: { required: false, content: { "application/json": { schema: ReasonBody } } },
    },
    responses: { 200: successOf("Accepted.", Scheduled), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const identity = c.get("identity")
    const { id } = c.req.valid("param")
    const decision = toDecision({
      action: "retry",
      identity,
      key: c.req.header("idempotency-key"),
      reason: c.req.valid("json").reason,
      route: "POST /exceptions/{id}/retry",
    })
    await retryException(services, { tenant: identity.tenant, id, decision })
    const retry_next_at = new Date().toISOString()
    return c.json(success({ exception_id: id, retry_scheduled: true as const, retry_next_at }), 200)
  },
})
