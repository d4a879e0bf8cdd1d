import { createRoute } from "@hono/zod-openapi"
import { insertConnection } from "../../../store/queries/insert-connection.ts"
import {
  ConnectionSettings,
  ConnectionView,
  toConnectionEtag,
  toConnectionView,
} from "../../connection-view.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { assertAcceptable, defaultOf, toConnectionChange, withOneDefault } from "../../save-connection.ts"

export const createConnectionRoute = defineRoute({
  scope: "connections:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/connections",
    operationId: "create-connection",
    tags: ["connections"],
    summary: "Add a connection",
    description: "Calls can use it within seconds. Secrets are named, never given here.",
    request: { body: { required: true, content: { "application/json": { schema: ConnectionSettings } } } },
    responses: {
      200: successOf("A repeat.", ConnectionView),
      201: successOf("The connection.", ConnectionView),
      ...problemsOf(409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const { tenant, actor } = c.get("identity")
    const connection = c.req.valid("json")
    await assertAcceptable(services, tenant, connection)
    const stored = { tenant, connection, defaultOf: defaultOf(connection), actor }
    const row = await withOneDefault(connection, () =>
      recordChange(services, authorOf(c), {
        work: (db) => insertConnection(db, stored),
        toChange: (after) => after && toConnectionChange("connection.create", { after }),
      }),
    )
    if (row === undefined) {
      throw new ApiProblem("connection_exists", {
        detail: `There is a connection named ${connection.name}: use PUT /api/v1/connections/${connection.name} to change it.`,
      })
    }
    return c.json(success(toConnectionView({ source: "api", ...row })), 201, {
      location: `/api/v1/connections/${row.name}`,
      etag: toConnectionEtag(row.version),
    })
  },
})
