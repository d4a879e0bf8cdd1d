import { createRoute, z } from "@hono/zod-openapi"
import { deleteFlow } from "../../../store/queries/delete-flow.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference } from "../../texts.ts"

const Deleted = z.object({ id: z.string(), name: z.string(), deleted_at: z.iso.datetime() })

export const deleteFlowRoute = defineRoute({
  scope: "flows:write",
  contract: createRoute({
    method: "delete",
    path: "/api/v1/flows/{id}",
    operationId: "delete-flow",
    tags: ["flows"],
    summary: "Delete a flow",
    description:
      "It starts nothing more, is no longer found, and its name is free again. Its transactions stay and go on: each keeps the version it was started with.",
    request: { params: z.object({ id: FlowReference }) },
    responses: { 200: successOf("Deleted.", Deleted), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { tenant, actor } = c.get("identity")
    const deleted = await deleteFlow(services.pool, { tenant, flow: c.req.valid("param").id, user: actor })
    if (deleted === undefined) throw new ApiProblem("flow_not_found")
    return c.json(success(deleted), 200)
  },
})
