import { createRoute, z } from "@hono/zod-openapi"
import { assignException } from "../../../store/queries/assign-exception.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { MAX_PERSON_CHARACTERS } from "../../exception-query.ts"
import { Exception } from "../../exception-view.ts"
import { noteException } from "../../note-exception.ts"
import { defineRoute } from "../../route.ts"
import { ExceptionId, sentence } from "../../texts.ts"

const AssignBody = z
  .strictObject({
    owner: sentence(MAX_PERSON_CHARACTERS).nullable().openapi({ description: "null: nobody." }),
    team: sentence(MAX_PERSON_CHARACTERS)
      .nullable()
      .optional()
      .openapi({ description: "null: none. Unsaid: as it is." }),
  })
  .openapi("AssignException", { example: { owner: "ann", team: "payments" } })

export const assignExceptionRoute = defineRoute({
  scope: "exceptions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/exceptions/{id}/assign",
    operationId: "assign-exception",
    tags: ["exceptions"],
    summary: "Give an open exception to somebody, or take it away",
    description: "Owner and team are names of yours; they stay when the exception is opened again.",
    request: {
      params: z.object({ id: ExceptionId }),
      body: { required: true, content: { "application/json": { schema: AssignBody } } },
    },
    responses: { 200: successOf("The exception as it is now.", Exception), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { id } = c.req.valid("param")
    const { owner, team } = c.req.valid("json")
    const record = () => assignException(services.pool, { tenant, id, owner, team })
    return c.json(success(await noteException(services, { tenant, id, record })), 200)
  },
})
