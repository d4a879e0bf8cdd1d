import { createRoute, z } from "@hono/zod-openapi"
import { saveSecret } from "../../../store/queries/save-secret.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { listFileSecrets, SecretView } from "../../secret-view.ts"
import { SettingName } from "../../setting-name.ts"

/** Shorter ones could not be told from ordinary words in replies and logs, and so not be kept out of them. */
const MIN_CHARACTERS = 8
const MAX_CHARACTERS = 16 * 1024

const NewSecret = z
  .strictObject({
    name: SettingName,
    value: z
      .string()
      .min(MIN_CHARACTERS, `must have at least ${MIN_CHARACTERS} characters, or it could not be masked`)
      .max(MAX_CHARACTERS),
  })
  .openapi("NewSecret")

/** Without `Idempotency-Key`: a repeat changes nothing by itself, and what is kept of a request would hold a hash of the value. */
export const saveSecretRoute = defineRoute({
  scope: "secrets:write",
  contract: createRoute({
    method: "post",
    path: "/api/v1/secrets",
    operationId: "save-secret",
    tags: ["connections"],
    summary: "Store or replace a secret",
    description:
      "Encrypted before it is stored. Calls use the new value within seconds. No route answers with it.",
    request: { body: { required: true, content: { "application/json": { schema: NewSecret } } } },
    responses: {
      200: successOf("Replaced.", SecretView),
      201: successOf("Stored.", SecretView),
      ...problemsOf(409),
    },
  }),
  handler: (services) => async (c) => {
    const { masterKeys } = services
    const { tenant, actor } = c.get("identity")
    const { name, value } = c.req.valid("json")
    if (listFileSecrets(services, tenant).includes(name)) {
      throw new ApiProblem("given_by_file", {
        detail: `The secret ${name} comes from the file that Holdfast was started with: change it there.`,
      })
    }
    if (masterKeys === undefined) {
      throw new ApiProblem("master_key_missing", {
        detail:
          "Start Holdfast with HOLDFAST_MASTER_KEY or HOLDFAST_MASTER_KEY_FILE: 32 random bytes in base64.",
      })
    }
    const { created, ...row } = await recordChange(services, authorOf(c), {
      work: (db) => saveSecret(db, masterKeys, { tenant, name, value, actor }),
      // Which value it was before nobody knows: what is encrypted is never opened for this.
      toChange: ({ version, key_id, ...saved }) => ({
        action: "secret.save",
        subject: name,
        before: saved.created ? null : { stored: true },
        after: { version, key_id },
      }),
    })
    return c.json(success({ ...row, source: "api" as const }), created ? 201 : 200)
  },
})
