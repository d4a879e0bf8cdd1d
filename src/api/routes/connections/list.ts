import { createRoute, z } from "@hono/zod-openapi"
import { ConnectionView, toConnectionView } from "../../connection-view.ts"
import { success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { sliceByName } from "../../slice-by-name.ts"
import { listTenantConnections } from "../../tenant-connections.ts"

export const listConnectionsRoute = defineRoute({
  scope: "connections:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/connections",
    operationId: "list-connections",
    tags: ["connections"],
    summary: "List connections, by name",
    request: { query: z.strictObject(pagingQuery) },
    responses: { 200: successOf("One page.", listOf(ConnectionView)) },
  }),
  handler: (services) => async (c) => {
    const connections = await listTenantConnections(services, c.get("identity").tenant)
    const all = connections.map(toConnectionView)
    const { rows, ...page } = await readPage(c.req.valid("query"), sliceByName(all))
    return c.json(success({ list: rows, ...page }), 200)
  },
})
