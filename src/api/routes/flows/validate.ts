import { createRoute, z } from "@hono/zod-openapi"
import type { CompiledFlow } from "../../compile-flow.ts"
import { compileForTenant } from "../../compile-for-tenant.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { Warning } from "../../flow-view.ts"
import { asSent, PublishBody, readDefinition } from "../../read-definition.ts"
import { defineRoute } from "../../route.ts"

export const Verdict = z
  .object({ valid: z.literal(true), name: z.string(), plan_hash: z.string(), warnings: z.array(Warning) })
  .openapi("Verdict")

export function toVerdict({ plan, version, warnings }: CompiledFlow): z.output<typeof Verdict> {
  return { valid: true, name: plan.flow, plan_hash: version.plan_hash, warnings }
}

export const validateFlowRoute = defineRoute({
  scope: "flows:read",
  contract: createRoute({
    method: "post",
    path: "/api/v1/flows/validate",
    operationId: "validate-flow",
    tags: ["flows"],
    summary: "Check a flow without storing it",
    description: "All problems at once, each with a pointer into the request.",
    request: { body: { required: true, content: { "application/json": { schema: PublishBody } } } },
    responses: { 200: successOf("The flow could be published.", Verdict), ...problemsOf(422) },
  }),
  handler: (services) => async (c) => {
    const definition = readDefinition(asSent(c.get("body")))
    const compiled = await compileForTenant(services, c.get("identity").tenant, definition)
    return c.json(success(toVerdict(compiled)), 200)
  },
})
