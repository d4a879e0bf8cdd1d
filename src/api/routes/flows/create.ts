import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Flow, toEtag, toFlow } from "../../flow-view.ts"
import { REPLAYED } from "../../idempotency.ts"
import { overrideQuery, readOverrides } from "../../override-query.ts"
import { createFlow } from "../../publish-flow.ts"
import { asSent, PublishBody } from "../../read-definition.ts"
import { authorOf } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { flag } from "../../texts.ts"
import { toVerdict, Verdict } from "./validate.ts"

export const createFlowRoute = defineRoute({
  scope: "flows:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/flows",
    operationId: "create-flow",
    tags: ["flows"],
    summary: "Publish a flow",
    description:
      "Validates, compiles and stores the definition. A name that is taken by the same plan answers 200 with the flow that is there; by another plan, 409. With `dry_run=true` nothing is stored.",
    request: {
      query: z.strictObject({ dry_run: flag.optional(), ...overrideQuery }),
      body: { required: true, content: { "application/json": { schema: PublishBody } } },
    },
    responses: {
      200: successOf(
        "The flow exists with the same plan, or with dry_run the flow is valid.",
        Flow.or(Verdict),
      ),
      201: successOf("The flow was published.", Flow),
      ...problemsOf(409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const query = c.req.valid("query")
    const published = await createFlow(services, {
      author: authorOf(c),
      body: asSent(c.get("body")),
      overrides: readOverrides(c.get("identity"), query),
      dryRun: query.dry_run === true,
    })
    if (published.outcome === "valid") return c.json(success(toVerdict(published.compiled)), 200)
    const flow = toFlow(published.flow)
    const headers = { location: `/api/v1/flows/${flow.id}`, etag: toEtag(published.flow) }
    if (published.outcome === "created") return c.json(success(flow), 201, headers)
    return c.json(success(flow), 200, { ...headers, ...REPLAYED })
  },
})
