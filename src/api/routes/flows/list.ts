import { createRoute, z } from "@hono/zod-openapi"
import { countFlows } from "../../../store/queries/count-flows.ts"
import { listFlows } from "../../../store/queries/list-flows.ts"
import { success, successOf } from "../../envelope.ts"
import { Flow, toFlow } from "../../flow-view.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { text } from "../../texts.ts"

export const listFlowsRoute = defineRoute({
  scope: "flows:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/flows",
    operationId: "list-flows",
    tags: ["flows"],
    summary: "List flows, newest first",
    request: {
      query: z.strictObject({ ...pagingQuery, name: text(128).optional(), flow_type: text(50).optional() }),
    },
    responses: { 200: successOf("One page.", listOf(Flow)) },
  }),
  handler: (services) => async (c) => {
    const query = c.req.valid("query")
    const filter = {
      tenant: c.get("identity").tenant,
      name: query.name ?? null,
      flow_type: query.flow_type ?? null,
    }
    const { rows, ...page } = await readPage(query, {
      list: (slice) => listFlows(services.pool, filter, slice),
      count: () => countFlows(services.pool, filter),
      placeOf: (row) => ({ at: row.created_us, id: row.id }),
      placeId: /^[0-9a-f-]{36}$/,
    })
    return c.json(success({ list: rows.map(toFlow), ...page }), 200)
  },
})
