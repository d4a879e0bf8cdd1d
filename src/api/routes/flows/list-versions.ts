import { createRoute, z } from "@hono/zod-openapi"
import { countFlowVersions } from "../../../store/queries/count-flow-versions.ts"
import { listFlowVersions } from "../../../store/queries/list-flow-versions.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { FlowVersionSummary } from "../../flow-version-view.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { getFlow } from "../../publish-flow.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference } from "../../texts.ts"

export const listFlowVersionsRoute = defineRoute({
  scope: "flows:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/flows/{id}/versions",
    operationId: "list-flow-versions",
    tags: ["flows"],
    summary: "List the versions of a flow, newest first",
    request: { params: z.object({ id: FlowReference }), query: z.strictObject(pagingQuery) },
    responses: { 200: successOf("One page.", listOf(FlowVersionSummary)), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const flow = await getFlow(services, { tenant, flow: c.req.valid("param").id })
    const key = { tenant, flow_id: flow.id }
    const { rows, ...page } = await readPage(c.req.valid("query"), {
      list: (slice) => listFlowVersions(services.pool, key, slice),
      count: () => countFlowVersions(services.pool, key),
      placeOf: ({ version }) => ({ at: String(version), id: "" }),
      placeId: /^$/,
    })
    const list = rows.map((row) => ({ ...row, is_current: row.version === flow.version }))
    return c.json(success({ list, ...page }), 200)
  },
})
