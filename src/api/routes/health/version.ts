import { createRoute, z } from "@hono/zod-openapi"
import { success, successOf } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"

export const getVersion = defineRoute({
  scope: "public",
  contract: createRoute({
    method: "get",
    path: "/version",
    operationId: "get-version",
    tags: ["health"],
    summary: "Which build this is",
    responses: {
      200: successOf("The version.", z.object({ name: z.literal("holdfast"), version: z.string() })),
    },
  }),
  handler: (services) => (c) =>
    c.json(success({ name: "holdfast" as const, version: services.version }), 200),
})
