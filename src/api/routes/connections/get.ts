import { createRoute, z } from "@hono/zod-openapi"
import { ConnectionView, toConnectionEtag, toConnectionView } from "../../connection-view.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { SettingName } from "../../setting-name.ts"
import { listTenantConnections } from "../../tenant-connections.ts"

export const getConnectionRoute = defineRoute({
  scope: "connections:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/connections/{name}",
    operationId: "get-connection",
    tags: ["connections"],
    summary: "Show a connection",
    request: { params: z.object({ name: SettingName }) },
    responses: { 200: successOf("The connection.", ConnectionView), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { name } = c.req.valid("param")
    const connections = await listTenantConnections(services, c.get("identity").tenant)
    const found = connections.find(({ settings }) => settings.name === name)
    if (found === undefined) throw new ApiProblem("connection_not_found")
    const view = toConnectionView(found)
    return c.json(success(view), 200, view.version === null ? {} : { etag: toConnectionEtag(view.version) })
  },
})
