import { createRoute, z } from "@hono/zod-openapi"
import { RESERVED_ACTORS } from "../../../contract/audit.ts"
import { inTransaction } from "../../../store/in-transaction.ts"
import { issueApiKey } from "../../../store/issue-api-key.ts"
import { MAX_API_KEY_DAYS } from "../../../store/queries/create-api-key.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { authorOf } from "../../record-change.ts"
import { ROLES, SCOPES_OF_ROLE } from "../../roles.ts"
import { SCOPES } from "../../scopes.ts"
import { sentence } from "../../texts.ts"

const NewKey = z
  .strictObject({
    name: sentence(100)
      .refine((name) => !RESERVED_ACTORS.includes(name), {
        error: `must not be ${RESERVED_ACTORS.join(", ")}: they decide without a key`,
      })
      .openapi({ description: "Recorded as the actor of what is done with the key." }),
    role: z.enum(ROLES).optional().openapi({ description: "Either a role or scopes." }),
    scopes: z.array(z.enum(SCOPES)).min(1).optional(),
    days: z.int().min(1).max(MAX_API_KEY_DAYS).default(90).openapi({ description: "How long it lives." }),
  })
  .refine(({ role, scopes }) => (role === undefined) !== (scopes === undefined), {
    error: "give either a role or scopes",
    path: ["role"],
  })
  .openapi("NewApiKey")

const CreatedKey = z
  .object({
    id: z.string(),
    key: z.string().nullable().openapi({ description: "Shown once; null in a repeat of the answer." }),
    name: z.string(),
    role: z.string().nullable(),
    scopes: z.array(z.string()),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi("CreatedApiKey")
const CreatedAnswer = z.looseObject({ data: CreatedKey })

export const createKeyRoute = defineRoute({
  scope: "keys:admin",
  idempotent: withoutKey,
  contract: createRoute({
    method: "post",
    path: "/api/v1/keys",
    operationId: "create-key",
    tags: ["access"],
    summary: "Create an API key",
    description: "It belongs to the tenant of the key that creates it, and can do no more than that one.",
    request: { body: { required: true, content: { "application/json": { schema: NewKey } } } },
    responses: {
      200: successOf("A repeat, without the key.", CreatedKey),
      201: successOf("The key.", CreatedKey),
      ...problemsOf(409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const { tenant, scopes: held } = c.get("identity")
    const { name, role, scopes: asked = [], days } = c.req.valid("json")
    const scopes = role === undefined ? [...new Set(asked)] : [...SCOPES_OF_ROLE[role]]
    const missing = scopes.filter((scope) => !held.has(scope))
    if (missing.length > 0) {
      throw new ApiProblem("forbidden", {
        detail: `A key can hand on only what it has; it lacks ${missing.join(", ")}.`,
      })
    }
    const created = await inTransaction(services.pool, (db) =>
      issueApiKey(db, { tenant, name, scopes, role, days }, authorOf(c)),
    )
    return c.json(success(created), 201, { location: `/api/v1/keys/${created.id}` })
  },
})

/** What is stored under an `Idempotency-Key` must not hold a usable key. */
function withoutKey(body: unknown): unknown {
  const answer = CreatedAnswer.parse(body)
  return { ...answer, data: { ...answer.data, key: null } }
}
