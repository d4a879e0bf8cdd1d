import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Flow, toEtag, toFlow } from "../../flow-view.ts"
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
      headers: z.object({ "if-none-match": z.string().max(1_000).optional() }),
    },
    responses: {
      200: successOf("The flow with its active version. Its version is in ETag.", Flow),
      304: { description: "Unchanged since the version in If-None-Match." },
      ...problemsOf(404),
    },
  }),
  handler: (services) => async (c) => {
    const row = await getFlow(services, { tenant: c.get("identity").tenant, flow: c.req.valid("param").id })
    const etag = toEtag(row)
    if (c.req.valid("header")["if-none-match"] === etag) return c.body(null, 304, { etag })
    return c.json(success(toFlow(row)), 200, { etag })
  },
})
