import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"
import { flag, InstanceId } from "../../texts.ts"
import { Transaction, viewTransaction } from "../../transaction-view.ts"

export const getTransactionRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/transactions/{id}",
    operationId: "get-transaction",
    tags: ["transactions"],
    summary: "Read a transaction with all its tasks",
    request: {
      params: z.object({ id: InstanceId }),
      query: z.strictObject({
        fresh: flag.optional().openapi({ description: "Ask the workflow itself, not the mirror of it." }),
      }),
    },
    responses: { 200: successOf("The transaction.", Transaction), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const source = c.req.valid("query").fresh === true ? "workflow" : "mirror"
    const key = { tenant: c.get("identity").tenant, instance_id: c.req.valid("param").id }
    return c.json(success(await viewTransaction(services, { ...key, source })), 200)
  },
})
