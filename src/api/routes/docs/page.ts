import { createRoute, z } from "@hono/zod-openapi"
import { DOCS_PAGE, DOCS_POLICY } from "../../docs-page.ts"
import { defineRoute } from "../../route.ts"

export const getDocsPage = defineRoute({
  scope: "public",
  contract: createRoute({
    method: "get",
    path: "/docs",
    operationId: "get-docs",
    tags: ["docs"],
    summary: "This API as a page to read and try",
    responses: { 200: { description: "The page.", content: { "text/html": { schema: z.string() } } } },
  }),
  handler: () => (c) => c.html(DOCS_PAGE, 200, { "content-security-policy": DOCS_POLICY }),
})
