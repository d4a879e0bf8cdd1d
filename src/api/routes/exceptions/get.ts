import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Exception, getException, viewException } from "../../exception-view.ts"
import { defineRoute } from "../../route.ts"
import { ExceptionId } from "../../texts.ts"

export const getExceptionRoute = defineRoute({
  scope: "exceptions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/exceptions/{id}",
    operationId: "get-exception",
    tags: ["exceptions"],
    summary: "Read an exception",
    request: { params: z.object({ id: ExceptionId }) },
    responses: { 200: successOf("The exception.", Exception), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const row = await getException(services, { tenant, id: c.req.valid("param").id })
    return c.json(success(await viewException(services, { tenant, row })), 200)
  },
})
