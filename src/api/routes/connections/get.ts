import { createRoute, z } from "@hono/zod-openapi"
import { ConnectionView, toConnectionEtag, toConnectionView } from "../../connection-view.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ifNoneMatchHeaders, isKnown, NOT_MODIFIED } from "../../if-match.ts"
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
    request: { params: z.object({ name: SettingName }), headers: ifNoneMatchHeaders },
    responses: { 200: successOf("The connection.", ConnectionView), 304: NOT_MODIFIED, ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { name } = c.req.valid("param")
    const connections = await listTenantConnections(services, c.get("identity").tenant)
    const found = connections.find(({ settings }) => settings.name === name)
    if (found === undefined) throw new ApiProblem("connection_not_found")
    const view = toConnectionView(found)
    if (view.version === null) return c.json(success(view), 200)
    const etag = toConnectionEtag(view.version)
    if (isKnown(etag, c.req.valid("header")["if-none-match"])) return c.body(null, 304, { etag })
    return c.json(success(view), 200, { etag })
  },
})
