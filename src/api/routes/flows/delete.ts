import { createRoute, z } from "@hono/zod-openapi"
import { deleteFlow } from "../../../store/queries/delete-flow.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
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
    const flow = c.req.valid("param").id
    const deleted = await recordChange(services, authorOf(c), {
      work: (db) => deleteFlow(db, { tenant, flow, user: actor }),
      toChange: (row) =>
        row && {
          action: "flow.delete",
          subject: row.name,
          before: { id: row.id, version: row.version },
          after: null,
        },
    })
    if (deleted === undefined) throw new ApiProblem("flow_not_found")
    const { version: _last, ...answer } = deleted
    return c.json(success(answer), 200)
  },
})
