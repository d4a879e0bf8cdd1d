import { createRoute, z } from "@hono/zod-openapi"
import { deleteConnection } from "../../../store/queries/delete-connection.ts"
import { toConnectionEtag } from "../../connection-view.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { assertMatch, ifMatchHeaders } from "../../if-match.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { getStoredConnection, toConnectionChange } from "../../save-connection.ts"
import { SettingName } from "../../setting-name.ts"

const Deleted = z.object({ name: z.string(), deleted: z.literal(true) })

export const deleteConnectionRoute = defineRoute({
  scope: "connections:write",
  contract: createRoute({
    method: "delete",
    path: "/api/v1/connections/{name}",
    operationId: "delete-connection",
    tags: ["connections"],
    summary: "Delete a connection",
    description:
      "Tasks that name it park with connection_unknown; they can be retried when it is there again.",
    request: { params: z.object({ name: SettingName }), headers: ifMatchHeaders },
    responses: { 200: successOf("It is gone.", Deleted), ...problemsOf(404, 409, 412) },
  }),
  handler: (services) => async (c) => {
    const key = { tenant: c.get("identity").tenant, name: c.req.valid("param").name }
    const before = await getStoredConnection(services, key)
    assertMatch(toConnectionEtag(before.version), c.req.valid("header")["if-match"])
    const done = await recordChange(services, authorOf(c), {
      work: (db) => deleteConnection(db, { ...key, version: before.version }),
      toChange: (isGone) => (isGone ? toConnectionChange("connection.delete", { before }) : undefined),
    })
    if (!done) throw new ApiProblem("precondition_failed")
    return c.json(success({ name: key.name, deleted: true as const }), 200)
  },
})
