import { createRoute, z } from "@hono/zod-openapi"
import { updateConnection } from "../../../store/queries/update-connection.ts"
import {
  ConnectionSettings,
  ConnectionView,
  toConnectionEtag,
  toConnectionView,
} from "../../connection-view.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { assertMatch, ifMatchHeaders } from "../../if-match.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import {
  assertAcceptable,
  defaultOf,
  getStoredConnection,
  toConnectionChange,
  withOneDefault,
} from "../../save-connection.ts"
import { SettingName } from "../../setting-name.ts"

export const replaceConnectionRoute = defineRoute({
  scope: "connections:write",
  contract: createRoute({
    method: "put",
    path: "/api/v1/connections/{name}",
    operationId: "replace-connection",
    tags: ["connections"],
    summary: "Change a connection",
    description: "Calls that begin a few seconds later use it as it is then, on new clients.",
    request: {
      params: z.object({ name: SettingName }),
      headers: ifMatchHeaders,
      body: { required: true, content: { "application/json": { schema: ConnectionSettings } } },
    },
    responses: { 200: successOf("The connection.", ConnectionView), ...problemsOf(404, 409, 412, 422) },
  }),
  handler: (services) => async (c) => {
    const { tenant, actor } = c.get("identity")
    const { name } = c.req.valid("param")
    const connection = c.req.valid("json")
    const before = await getStoredConnection(services, { tenant, name })
    assertMatch(toConnectionEtag(before.version), c.req.valid("header")["if-match"])
    if (connection.name !== name) {
      const detail = "A connection keeps its name: expected the one of the path."
      throw new ApiProblem("name_mismatch", {
        detail,
        errors: [{ pointer: "/name", code: "name_mismatch", detail }],
      })
    }
    await assertAcceptable(services, tenant, connection)
    const { version } = before
    const change = { tenant, connection, defaultOf: defaultOf(connection), actor, version }
    const row = await withOneDefault(connection, () =>
      recordChange(services, authorOf(c), {
        work: (db) => updateConnection(db, change),
        toChange: (after) => after && toConnectionChange("connection.replace", { before, after }),
      }),
    )
    if (row === undefined) throw new ApiProblem("precondition_failed")
    return c.json(success(toConnectionView({ source: "api", ...row })), 200, {
      etag: toConnectionEtag(row.version),
    })
  },
})
