import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { SettingName } from "../../setting-name.ts"
import { listTenantConnections } from "../../tenant-connections.ts"

const Tested = z
  .object({
    ok: z.boolean(),
    code: z.string().nullable(),
    message: z.string(),
    duration_ms: z.number(),
  })
  .openapi("ConnectionTest")

export const testConnectionRoute = defineRoute({
  scope: "connections:test",
  contract: createRoute({
    method: "post",
    path: "/api/v1/connections/{name}/test",
    operationId: "test-connection",
    tags: ["connections"],
    summary: "Try a connection",
    description:
      "Dials the host, with TLS where it is on, and reads its secrets; a broker and a database are also logged in to. Nothing is sent to a service that answers calls.",
    request: { params: z.object({ name: SettingName }) },
    responses: { 200: successOf("What came of it; also when it failed.", Tested), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { name } = c.req.valid("param")
    const connections = await listTenantConnections(services, tenant)
    if (!connections.some(({ settings }) => settings.name === name))
      throw new ApiProblem("connection_not_found")
    if (services.testConnection === undefined) throw new ApiProblem("connection_test_unavailable")
    return c.json(success(await services.testConnection(tenant, name)), 200)
  },
})
