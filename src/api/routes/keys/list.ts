import { createRoute, z } from "@hono/zod-openapi"
import { countApiKeys } from "../../../store/queries/count-api-keys.ts"
import { listApiKeys } from "../../../store/queries/list-api-keys.ts"
import { success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { isRole, SCOPES_OF_ROLE } from "../../roles.ts"
import { defineRoute } from "../../route.ts"

const ApiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    role: z.string().nullable(),
    scopes: z.array(z.string()).openapi({ description: "Those of its role, where it has one." }),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
  })
  .openapi("ApiKey")

export const listKeysRoute = defineRoute({
  scope: "keys:admin",
  contract: createRoute({
    method: "get",
    path: "/api/v1/keys",
    operationId: "list-keys",
    tags: ["access"],
    summary: "List API keys, newest first",
    request: { query: z.strictObject(pagingQuery) },
    responses: { 200: successOf("One page.", listOf(ApiKey)) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { rows, ...page } = await readPage(c.req.valid("query"), {
      list: (slice) => listApiKeys(services.pool, tenant, slice),
      count: () => countApiKeys(services.pool, tenant),
      placeOf: (row) => ({ at: row.created_us, id: row.id }),
      placeId: /^[0-9A-Za-z]{8}$/,
    })
    return c.json(success({ list: rows.map(toKey), ...page }), 200)
  },
})

function toKey({ created_us: _position, ...key }: Awaited<ReturnType<typeof listApiKeys>>[number]) {
  return key.role !== null && isRole(key.role) ? { ...key, scopes: [...SCOPES_OF_ROLE[key.role]] } : key
}
