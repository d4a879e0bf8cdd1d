import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { retryTransaction } from "../../retry-transaction.ts"
import { defineRoute } from "../../route.ts"
import { ReasonBody, toDecision } from "../../routed-decision.ts"
import { InstanceId } from "../../texts.ts"

const Retried = z.object({ instance_id: z.string(), status: z.literal("pending") })

export const retryTransactionRoute = defineRoute({
  scope: "transactions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/transactions/{id}/retry",
    operationId: "retry-transaction",
    tags: ["transactions"],
    summary: "Retry what stopped",
    description:
      "Of an open transaction every parked task that may be retried; a failed one goes on from its failed tasks, with the outputs of the finished ones kept.",
    request: {
      params: z.object({ id: InstanceId }),
      body: { required: false, content: { "application/json": { schema: ReasonBody } } },
    },
    responses: { 200: successOf("Accepted.", Retried), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const identity = c.get("identity")
    const instance_id = c.req.valid("param").id
    const decision = toDecision({
      action: "retry",
      identity,
      key: c.req.header("idempotency-key"),
      reason: c.req.valid("json").reason,
      route: "POST /transactions/{id}/retry",
    })
    await retryTransaction(services, { tenant: identity.tenant, instance_id, decision })
    return c.json(success({ instance_id, status: "pending" as const }), 200)
  },
})
