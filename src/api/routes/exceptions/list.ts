import { createRoute, z } from "@hono/zod-openapi"
import { countExceptions } from "../../../store/queries/count-exceptions.ts"
import { listExceptions } from "../../../store/queries/list-exceptions.ts"
import { success, successOf } from "../../envelope.ts"
import { exceptionQuery, toExceptionFilter } from "../../exception-query.ts"
import { Exception, viewExceptions } from "../../exception-view.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"

export const listExceptionsRoute = defineRoute({
  scope: "exceptions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/exceptions",
    operationId: "list-exceptions",
    tags: ["exceptions"],
    summary: "List exceptions, newest first",
    request: { query: z.strictObject({ ...pagingQuery, ...exceptionQuery }) },
    responses: { 200: successOf("One page.", listOf(Exception)) },
  }),
  handler: (services) => async (c) => {
    const query = c.req.valid("query")
    const { tenant } = c.get("identity")
    const filter = toExceptionFilter(tenant, query)
    const { rows, ...page } = await readPage(query, {
      list: (slice) => listExceptions(services.pool, filter, slice),
      count: () => countExceptions(services.pool, filter),
      placeOf: (row) => ({ at: row.occurred_us, id: String(row.id) }),
      placeId: /^\d{1,15}$/,
    })
    return c.json(success({ list: await viewExceptions(services, { tenant, rows }), ...page }), 200)
  },
})
