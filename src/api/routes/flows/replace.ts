import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Flow, toEtag, toFlow } from "../../flow-view.ts"
import { ifMatchHeaders } from "../../if-match.ts"
import { overrideQuery, readOverrides } from "../../override-query.ts"
import { replaceFlow } from "../../publish-flow.ts"
import { asSent, PublishBody } from "../../read-definition.ts"
import { authorOf } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference } from "../../texts.ts"

export const replaceFlowRoute = defineRoute({
  scope: "flows:write",
  contract: createRoute({
    method: "put",
    path: "/api/v1/flows/{id}",
    operationId: "replace-flow",
    tags: ["flows"],
    summary: "Give a flow a new version",
    description: "Running transactions keep the version they have. The same plan adds no version.",
    request: {
      params: z.object({ id: FlowReference }),
      query: z.strictObject(overrideQuery),
      headers: ifMatchHeaders,
      body: { required: true, content: { "application/json": { schema: PublishBody } } },
    },
    responses: { 200: successOf("The flow with its active version.", Flow), ...problemsOf(404, 412, 422) },
  }),
  handler: (services) => async (c) => {
    const row = await replaceFlow(services, {
      author: authorOf(c),
      flow: c.req.valid("param").id,
      body: asSent(c.get("body")),
      overrides: readOverrides(c.get("identity"), c.req.valid("query")),
      expectedEtag: c.req.valid("header")["if-match"],
    })
    return c.json(success(toFlow(row)), 200, { etag: toEtag(row) })
  },
})
