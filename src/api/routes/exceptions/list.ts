import { createRoute, z } from "@hono/zod-openapi"
import { EXCEPTION_KINDS, EXCEPTION_STATES, SEVERITIES } from "../../../contract/statuses.ts"
import { countExceptions } from "../../../store/queries/count-exceptions.ts"
import { listExceptions } from "../../../store/queries/list-exceptions.ts"
import { success, successOf } from "../../envelope.ts"
import { Exception, viewExceptions } from "../../exception-view.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { flag, FlowReference, InstanceId } from "../../texts.ts"

export const listExceptionsRoute = defineRoute({
  scope: "exceptions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/exceptions",
    operationId: "list-exceptions",
    tags: ["exceptions"],
    summary: "List exceptions, newest first",
    request: {
      query: z.strictObject({
        ...pagingQuery,
        handled: flag.optional(),
        kind: z.enum(EXCEPTION_KINDS).optional(),
        severity: z.enum(SEVERITIES).optional(),
        state: z.enum(EXCEPTION_STATES).optional(),
        flow_id: FlowReference.optional(),
        instance_id: InstanceId.optional(),
      }),
    },
    responses: { 200: successOf("One page.", listOf(Exception)) },
  }),
  handler: (services) => async (c) => {
    const query = c.req.valid("query")
    const { tenant } = c.get("identity")
    const filter = {
      tenant,
      handled: query.handled ?? null,
      kind: query.kind ?? null,
      severity: query.severity ?? null,
      state: query.state ?? null,
      flow: query.flow_id ?? null,
      instance_id: query.instance_id ?? null,
    }
    const { rows, ...page } = await readPage(query, {
      list: (slice) => listExceptions(services.pool, filter, slice),
      count: () => countExceptions(services.pool, filter),
      placeOf: (row) => ({ at: row.occurred_us, id: String(row.id) }),
      placeId: /^\d{1,15}$/,
    })
    return c.json(success({ list: await viewExceptions(services, { tenant, rows }), ...page }), 200)
  },
})
