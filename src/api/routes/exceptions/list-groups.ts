import { createRoute, z } from "@hono/zod-openapi"
import { listExceptionGroups } from "../../../store/queries/list-exception-groups.ts"
import { success, successOf } from "../../envelope.ts"
import { ExceptionGroup, viewExceptionGroups } from "../../exception-group-view.ts"
import { exceptionQuery, toExceptionFilter } from "../../exception-query.ts"
import { defineRoute } from "../../route.ts"
import { decimal } from "../../texts.ts"

const MAX_GROUPS = 200

export const listExceptionGroupsRoute = defineRoute({
  scope: "exceptions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/exceptions/groups",
    operationId: "list-exception-groups",
    tags: ["exceptions"],
    summary: "List what failed in the same way, newest activity first",
    description:
      "Exceptions of one group agree in flow, task, operation, kind, code and in their message, but for its numbers, ids, times and quoted texts. Open ones only, unless `state` says otherwise.",
    request: {
      query: z.strictObject({
        ...exceptionQuery,
        limit: decimal({ min: 1, max: MAX_GROUPS }).optional(),
      }),
    },
    responses: {
      200: successOf(`At most ${MAX_GROUPS}.`, z.object({ list: z.array(ExceptionGroup) })),
    },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { limit = MAX_GROUPS, ...query } = c.req.valid("query")
    const rows = await listExceptionGroups(services.pool, toExceptionFilter(tenant, query), { limit })
    return c.json(success({ list: await viewExceptionGroups(services, { tenant, rows }) }), 200)
  },
})
