import { createRoute, z } from "@hono/zod-openapi"
import { createOpenApiDocument } from "../../openapi.ts"
import { defineRoute } from "../../route.ts"

export const getOpenApi = defineRoute({
  scope: "public",
  contract: createRoute({
    method: "get",
    path: "/openapi.json",
    operationId: "get-openapi",
    tags: ["docs"],
    summary: "This API as an OpenAPI 3.1 document",
    responses: {
      200: { description: "The document.", content: { "application/json": { schema: z.looseObject({}) } } },
    },
  }),
  handler: (services, app) => (c) => c.json(createOpenApiDocument(app, services.version), 200),
})
