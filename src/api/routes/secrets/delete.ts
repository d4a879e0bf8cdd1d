import { createRoute, z } from "@hono/zod-openapi"
import { deleteSecret } from "../../../store/queries/delete-secret.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { SettingName } from "../../setting-name.ts"

const Deleted = z.object({ name: z.string(), deleted: z.literal(true) })

export const deleteSecretRoute = defineRoute({
  scope: "secrets:write",
  contract: createRoute({
    method: "delete",
    path: "/api/v1/secrets/{name}",
    operationId: "delete-secret",
    tags: ["connections"],
    summary: "Delete a secret",
    description: "Tasks whose connection names it park with secret_missing.",
    request: { params: z.object({ name: SettingName }) },
    responses: { 200: successOf("It is gone.", Deleted), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { name } = c.req.valid("param")
    const done = await recordChange(services, authorOf(c), {
      work: (db) => deleteSecret(db, c.get("identity").tenant, name),
      toChange: (isGone) =>
        isGone
          ? { action: "secret.delete", subject: name, before: { stored: true }, after: null }
          : undefined,
    })
    if (!done) throw new ApiProblem("secret_not_found")
    return c.json(success({ name, deleted: true as const }), 200)
  },
})
