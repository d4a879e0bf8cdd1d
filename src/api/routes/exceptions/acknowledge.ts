import { createRoute, z } from "@hono/zod-openapi"
import { acknowledgeException } from "../../../store/queries/acknowledge-exception.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Exception } from "../../exception-view.ts"
import { noteException } from "../../note-exception.ts"
import { defineRoute } from "../../route.ts"
import { ExceptionId } from "../../texts.ts"

export const acknowledgeExceptionRoute = defineRoute({
  scope: "exceptions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/exceptions/{id}/acknowledge",
    operationId: "acknowledge-exception",
    tags: ["exceptions"],
    summary: "Say that an open exception was seen",
    description:
      "Records who and when; the first one stays. The transaction does not move. An exception that is opened again has to be acknowledged again.",
    request: { params: z.object({ id: ExceptionId }) },
    responses: { 200: successOf("The exception as it is now.", Exception), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const { tenant, actor } = c.get("identity")
    const { id } = c.req.valid("param")
    const record = () => acknowledgeException(services.pool, { tenant, id, by: actor })
    return c.json(success(await noteException(services, { tenant, id, record })), 200)
  },
})
