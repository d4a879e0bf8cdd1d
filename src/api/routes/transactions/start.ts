import { createRoute, z } from "@hono/zod-openapi"
import { TRANSACTION_STATUSES } from "../../../contract/statuses.ts"
import { acceptTransaction } from "../../accept-transaction.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { REPLAYED } from "../../idempotency.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference, InstanceId } from "../../texts.ts"

const StartBody = z
  .strictObject({
    instance_id: InstanceId,
    flow_id: FlowReference.openapi({ description: "Id or name of the flow." }),
    params: z.record(z.string(), z.unknown()).default({}),
  })
  .openapi("StartTransaction", {
    example: { instance_id: "order_001", flow_id: "order", params: { order_id: "order_001", amount: 99 } },
  })

const Started = z.object({
  instance_id: z.string(),
  flow_id: z.string(),
  status: z.enum(TRANSACTION_STATUSES),
  created_at: z.iso.datetime(),
})

export const startTransactionRoute = defineRoute({
  scope: "transactions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/transactions",
    operationId: "start-transaction",
    tags: ["transactions"],
    summary: "Start a transaction",
    description:
      "One `instance_id`, one transaction: a repeat of the same request answers 200 with what is there. Accepted even while Temporal is away: it runs when Temporal is back.",
    request: { body: { required: true, content: { "application/json": { schema: StartBody } } } },
    responses: {
      200: successOf("This request was accepted before.", Started),
      201: successOf("Accepted.", Started),
      ...problemsOf(404, 409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const accepted = await acceptTransaction(services, {
      identity: c.get("identity"),
      ...c.req.valid("json"),
    })
    const { created, instance_id, flow_id, status, created_at } = accepted
    const location = `/api/v1/transactions/${encodeURIComponent(instance_id)}`
    const answer = success({ instance_id, flow_id, status, created_at })
    return created ? c.json(answer, 201, { location }) : c.json(answer, 200, { location, ...REPLAYED })
  },
})
