import { createRoute, z } from "@hono/zod-openapi"
import { readDocsScript } from "../../docs-page.ts"
import { defineRoute } from "../../route.ts"

export const getDocsScript = defineRoute({
  scope: "public",
  contract: createRoute({
    method: "get",
    path: "/docs/scalar.js",
    operationId: "get-docs-script",
    tags: ["docs"],
    summary: "The script of the docs page",
    responses: {
      200: { description: "The script.", content: { "text/javascript": { schema: z.string() } } },
    },
  }),
  handler: () => async (c) =>
    c.body(await readDocsScript(), 200, {
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "public, max-age=3600",
    }),
})
