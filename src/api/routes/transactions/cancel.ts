import { createRoute, z } from "@hono/zod-openapi"
import { decide } from "../../decide.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"
import { ReasonBody, toDecision } from "../../routed-decision.ts"
import { InstanceId } from "../../texts.ts"

const Cancelled = z.object({
  instance_id: z.string(),
  status: z
    .string()
    .openapi({ description: "What it is now: what still runs is stopped and awaited first." }),
})

export const cancelTransactionRoute = defineRoute({
  scope: "transactions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/transactions/{id}/cancel",
    operationId: "cancel-transaction",
    tags: ["transactions"],
    summary: "Cancel a transaction",
    description: "Nothing new starts; what runs is asked to stop and awaited. Effects that happened stay.",
    request: {
      params: z.object({ id: InstanceId }),
      body: { required: false, content: { "application/json": { schema: ReasonBody } } },
    },
    responses: { 200: successOf("Accepted.", Cancelled), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const identity = c.get("identity")
    const instance_id = c.req.valid("param").id
    const decision = toDecision({
      action: "cancel",
      identity,
      key: c.req.header("idempotency-key"),
      reason: c.req.valid("json").reason,
      route: "POST /transactions/{id}/cancel",
    })
    const { status } = await decide(services, { tenant: identity.tenant, instance_id, decision })
    return c.json(success({ instance_id, status }), 200)
  },
})
