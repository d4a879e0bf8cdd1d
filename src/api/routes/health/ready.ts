import { createRoute, z } from "@hono/zod-openapi"
import { checkReadiness } from "../../readiness.ts"
import { defineRoute } from "../../route.ts"

const Readiness = z
  .object({
    ready: z.boolean(),
    checks: z.record(z.string(), z.boolean()).openapi({ example: { postgres: true, temporal: true } }),
  })
  .openapi("Readiness")
const content = { "application/json": { schema: Readiness } }

export const getReadiness = defineRoute({
  scope: "public",
  contract: createRoute({
    method: "get",
    path: "/readyz",
    operationId: "get-readyz",
    tags: ["health"],
    summary: "Whether requests can be carried out",
    responses: { 200: { description: "Ready.", content }, 503: { description: "Not ready.", content } },
  }),
  handler: (services) => async (c) => {
    const checks = await checkReadiness(services)
    const ready = Object.values(checks).every(Boolean)
    return c.json({ ready, checks }, ready ? 200 : 503)
  },
})
