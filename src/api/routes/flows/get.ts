import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Flow, toEtag, toFlow } from "../../flow-view.ts"
import { ifNoneMatchHeaders, isKnown, NOT_MODIFIED } from "../../if-match.ts"
import { getFlow } from "../../publish-flow.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference } from "../../texts.ts"

export const getFlowRoute = defineRoute({
  scope: "flows:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/flows/{id}",
    operationId: "get-flow",
    tags: ["flows"],
    summary: "Read a flow",
    request: {
      params: z.object({ id: FlowReference }),
      headers: ifNoneMatchHeaders,
    },
    responses: {
      200: successOf("The flow with its active version. Its version is in ETag.", Flow),
      304: NOT_MODIFIED,
      ...problemsOf(404),
    },
  }),
  handler: (services) => async (c) => {
    const row = await getFlow(services, { tenant: c.get("identity").tenant, flow: c.req.valid("param").id })
    const etag = toEtag(row)
    if (isKnown(etag, c.req.valid("header")["if-none-match"])) return c.body(null, 304, { etag })
    return c.json(success(toFlow(row)), 200, { etag })
  },
})
