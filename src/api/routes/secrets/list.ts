import { createRoute, z } from "@hono/zod-openapi"
import { listSecrets } from "../../../store/queries/list-secrets.ts"
import { success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { listFileSecrets, SecretView } from "../../secret-view.ts"
import { sliceByName } from "../../slice-by-name.ts"

const FROM_FILE = {
  source: "file" as const,
  version: null,
  key_id: null,
  created_at: null,
  updated_at: null,
  updated_by: null,
}

export const listSecretsRoute = defineRoute({
  scope: "secrets:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/secrets",
    operationId: "list-secrets",
    tags: ["connections"],
    summary: "List secrets by name, without their values",
    request: { query: z.strictObject(pagingQuery) },
    responses: { 200: successOf("One page.", listOf(SecretView)) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const names = listFileSecrets(services, tenant)
    const stored = await listSecrets(services.pool, tenant)
    const all = [
      ...names.map((name) => ({ name, ...FROM_FILE })),
      ...stored
        .filter(({ name }) => !names.includes(name))
        .map((row) => ({ ...row, source: "api" as const })),
    ].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const { rows, ...page } = await readPage(c.req.valid("query"), sliceByName(all))
    return c.json(success({ list: rows, ...page }), 200)
  },
})
