/** Routes such as `POST /transactions/{id}/cancel`: a decision about a whole transaction that needs no body. */
import { createRoute, z } from "@hono/zod-openapi"
import type { DecisionAction } from "../../../contract/statuses.ts"
import { decide } from "../../decide.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"
import { ReasonBody, toDecision } from "../../routed-decision.ts"
import { InstanceId } from "../../texts.ts"

const Decided = z.object({
  instance_id: z.string(),
  status: z.string().openapi({ description: "What it is now; what still runs is awaited first." }),
})

export function actionRoute(action: DecisionAction, words: { summary: string; description: string }) {
  return defineRoute({
    scope: "transactions:write",
    idempotent: "whole",
    contract: createRoute({
      method: "post",
      path: `/api/v1/transactions/{id}/${action}`,
      operationId: `${action}-transaction`,
      tags: ["transactions"],
      ...words,
      request: {
        params: z.object({ id: InstanceId }),
        body: { required: false, content: { "application/json": { schema: ReasonBody } } },
      },
      responses: { 200: successOf("Accepted.", Decided), ...problemsOf(404, 409, 422) },
    }),
    handler: (services) => async (c) => {
      const identity = c.get("identity")
      const instance_id = c.req.valid("param").id
      const decision = toDecision({
        action,
        identity,
        key: c.req.header("idempotency-key"),
        reason: c.req.valid("json").reason,
        route: `POST /transactions/{id}/${action}`,
      })
      const { status } = await decide(services, { tenant: identity.tenant, instance_id, decision })
      return c.json(success({ instance_id, status }), 200)
    },
  })
}
