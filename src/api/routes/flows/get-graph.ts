import { createRoute, z } from "@hono/zod-openapi"
import { findWholeFlowVersion } from "../../../store/queries/find-whole-flow-version.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { FlowGraph, toGraph } from "../../flow-graph.ts"
import { ApiProblem } from "../../problem.ts"
import { getFlow } from "../../publish-flow.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference, VersionNumber } from "../../texts.ts"

export const getFlowGraphRoute = defineRoute({
  scope: "flows:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/flows/{id}/graph",
    operationId: "get-flow-graph",
    tags: ["flows"],
    summary: "Read a flow as nodes and edges",
    request: {
      params: z.object({ id: FlowReference }),
      query: z.strictObject({ version: VersionNumber.optional() }),
    },
    responses: {
      200: successOf("The graph of the version, the current one unless named.", FlowGraph),
      ...problemsOf(404),
    },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const flow = await getFlow(services, { tenant, flow: c.req.valid("param").id })
    const key = { tenant, flow_id: flow.id, version: c.req.valid("query").version ?? flow.version }
    const row = await findWholeFlowVersion(services.pool, key)
    if (row === undefined) throw new ApiProblem("version_not_found")
    const { nodes, edges } = toGraph(await services.flowVersions.get(key))
    const { version, plan_hash } = row
    return c.json(success({ flow_id: flow.id, version, plan_hash, nodes, edges }), 200)
  },
})
