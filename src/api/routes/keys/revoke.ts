import { createRoute, z } from "@hono/zod-openapi"
import { revokeApiKey } from "../../../store/queries/revoke-api-key.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { text } from "../../texts.ts"

const Revoked = z.object({ id: z.string(), revoked_at: z.iso.datetime() })

export const revokeKeyRoute = defineRoute({
  scope: "keys:admin",
  contract: createRoute({
    method: "delete",
    path: "/api/v1/keys/{id}",
    operationId: "revoke-key",
    tags: ["access"],
    summary: "Revoke an API key",
    description: "Every process refuses it within seconds. It stays in the list.",
    request: { params: z.object({ id: text(100) }) },
    responses: { 200: successOf("Revoked, now or before.", Revoked), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const key = { tenant: c.get("identity").tenant, id: c.req.valid("param").id }
    const revoked = await recordChange(services, authorOf(c), {
      work: (db) => revokeApiKey(db, key),
      toChange: (row) =>
        row?.revoked_now === true
          ? {
              action: "key.revoke",
              subject: row.id,
              before: { name: row.name },
              after: { name: row.name, revoked: true },
            }
          : undefined,
    })
    if (revoked === undefined) throw new ApiProblem("key_not_found")
    const { id, revoked_at } = revoked
    return c.json(success({ id, revoked_at }), 200)
  },
})
