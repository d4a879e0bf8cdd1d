import { createRoute, z } from "@hono/zod-openapi"
import { findWholeFlowVersion } from "../../../store/queries/find-whole-flow-version.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { FlowVersion, toFlowVersion } from "../../flow-version-view.ts"
import { ifNoneMatchHeaders, isKnown, NOT_MODIFIED, toContentEtag } from "../../if-match.ts"
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
    request: {
      params: z.object({ id: FlowReference, version: VersionNumber }),
      headers: ifNoneMatchHeaders,
    },
    responses: { 200: successOf("The version.", FlowVersion), 304: NOT_MODIFIED, ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { id, version } = c.req.valid("param")
    const flow = await getFlow(services, { tenant, flow: id })
    const row = await findWholeFlowVersion(services.pool, { tenant, flow_id: flow.id, version })
    if (row === undefined) throw new ApiProblem("version_not_found")
    const body = success(toFlowVersion(row, flow))
    const etag = toContentEtag(body)
    if (isKnown(etag, c.req.valid("header")["if-none-match"])) return c.body(null, 304, { etag })
    return c.json(body, 200, { etag })
  },
})
