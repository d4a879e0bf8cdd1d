import { createRoute, z } from "@hono/zod-openapi"
import { findWholeFlowVersion } from "../../../store/queries/find-whole-flow-version.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { FlowVersion, toFlowVersion } from "../../flow-version-view.ts"
import { ApiProblem } from "../../problem.ts"
import { getFlow } from "../../publish-flow.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference, VersionNumber } from "../../texts.ts"

export const getFlowVersionRoute = defineRoute({
  scope: "flows:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/flows/{id}/versions/{version}",
    operationId: "get-flow-version",
    tags: ["flows"],
    summary: "Read a version of a flow",
    request: { params: z.object({ id: FlowReference, version: VersionNumber }) },
    responses: { 200: successOf("The version.", FlowVersion), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { id, version } = c.req.valid("param")
    const flow = await getFlow(services, { tenant, flow: id })
    const row = await findWholeFlowVersion(services.pool, { tenant, flow_id: flow.id, version })
    if (row === undefined) throw new ApiProblem("version_not_found")
    return c.json(success(toFlowVersion(row, flow)), 200)
  },
})
