import { createRoute, z } from "@hono/zod-openapi"
import { countExceptionComments } from "../../../store/queries/count-exception-comments.ts"
import { listExceptionComments } from "../../../store/queries/list-exception-comments.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ExceptionComment, toExceptionComment } from "../../exception-comment-view.ts"
import { getException } from "../../exception-view.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { ExceptionId } from "../../texts.ts"

export const listExceptionCommentsRoute = defineRoute({
  scope: "exceptions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/exceptions/{id}/comments",
    operationId: "list-exception-comments",
    tags: ["exceptions"],
    summary: "List what was written about an exception, oldest first",
    request: { params: z.object({ id: ExceptionId }), query: z.strictObject(pagingQuery) },
    responses: { 200: successOf("One page.", listOf(ExceptionComment)), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const key = { tenant: c.get("identity").tenant, id: c.req.valid("param").id }
    await getException(services, key)
    const { rows, ...page } = await readPage(c.req.valid("query"), {
      list: (slice) => listExceptionComments(services.pool, key, slice),
      count: () => countExceptionComments(services.pool, key),
      placeOf: (row) => ({ at: row.at_us, id: String(row.id) }),
      placeId: /^\d{1,15}$/,
    })
    return c.json(success({ list: rows.map(toExceptionComment), ...page }), 200)
  },
})
