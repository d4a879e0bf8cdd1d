import { createRoute, z } from "@hono/zod-openapi"
import { insertExceptionComment } from "../../../store/queries/insert-exception-comment.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ExceptionComment, toExceptionComment } from "../../exception-comment-view.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { ExceptionId, sentence } from "../../texts.ts"

const MAX_CHARACTERS = 4_000

const CommentBody = z
  .strictObject({ text: sentence(MAX_CHARACTERS) })
  .openapi("CommentException", { example: { text: "The bank says it never arrived." } })

export const commentExceptionRoute = defineRoute({
  scope: "exceptions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/exceptions/{id}/comment",
    operationId: "comment-exception",
    tags: ["exceptions"],
    summary: "Write something about an exception",
    description: "Also about one that is open no longer.",
    request: {
      params: z.object({ id: ExceptionId }),
      body: { required: true, content: { "application/json": { schema: CommentBody } } },
    },
    responses: {
      200: successOf("A repeat.", ExceptionComment),
      201: successOf("The comment.", ExceptionComment),
      ...problemsOf(404, 409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const { tenant, actor } = c.get("identity")
    const { id } = c.req.valid("param")
    const { text } = c.req.valid("json")
    const row = await insertExceptionComment(services.pool, { tenant, id, actor, text })
    if (row === undefined) throw new ApiProblem("exception_not_found")
    return c.json(success(toExceptionComment(row)), 201, { location: `/api/v1/exceptions/${id}/comments` })
  },
})
