import { createRoute, z } from "@hono/zod-openapi"
import { handleException } from "../../../store/queries/handle-exception.ts"
import { getException } from "../../exception-view.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { ExceptionId, text } from "../../texts.ts"
import { getTransactionPrivacy } from "../../transaction-view.ts"

const HandleBody = z.looseObject({ remark: text(1_000).optional() }).openapi("HandleException")
const Handled = z.object({ exception_id: z.int(), handled: z.literal(true) })

export const handleExceptionRoute = defineRoute({
  scope: "exceptions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/exceptions/{id}/handle",
    operationId: "handle-exception",
    tags: ["exceptions"],
    summary: "Record that an exception was handled",
    description:
      "Records who and the remark, and nothing else: the transaction does not move, a retry stays possible.",
    request: {
      params: z.object({ id: ExceptionId }),
      body: { required: false, content: { "application/json": { schema: HandleBody } } },
    },
    responses: { 200: successOf("Recorded.", Handled), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { id } = c.req.valid("param")
    const remark = c.req.valid("json").remark ?? null
    const { instance_id } = await getException(services, { tenant, id })
    const { hide } = await getTransactionPrivacy(services, { tenant, instance_id })
    const hidden = hide(remark)
    const reason = hidden === null ? null : (services.mask?.text(hidden) ?? hidden)
    const found = await handleException(services.pool, { id, remark, reason }, authorOf(c))
    if (!found) throw new ApiProblem("exception_not_found")
    return c.json(success({ exception_id: id, handled: true as const }), 200)
  },
})
