import { createRoute, z } from "@hono/zod-openapi"
import { AUDIT_ACTIONS } from "../../../contract/audit.ts"
import { ATTESTATIONS } from "../../../contract/statuses.ts"
import { countAudit } from "../../../store/queries/count-audit.ts"
import { listAudit } from "../../../store/queries/list-audit.ts"
import { success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { InstanceId, text } from "../../texts.ts"

const AuditEntry = z
  .object({
    seq: z.int().openapi({ description: "1, 2, 3 and so on, in each tenant." }),
    at: z.iso.datetime(),
    actor: z
      .string()
      .openapi({ description: "The API key's name; temporal for what came through Temporal itself." }),
    roles: z.array(z.string()).openapi({ description: "The actor's, at that time." }),
    action: z.string().openapi({ description: "A decision, or a change such as connection.replace." }),
    instance_id: z.string().nullable(),
    subject: z
      .string()
      .nullable()
      .openapi({ description: "The task, or the name or id of what was changed." }),
    reason: z.string().nullable(),
    attest: z.enum(ATTESTATIONS).nullable(),
    executed_externally: z.boolean().nullable(),
    evidence: z.unknown(),
    before: z.unknown(),
    after: z.unknown(),
    update_id: z.string().nullable().openapi({ description: "The decision's id, or the Idempotency-Key." }),
    approvals: z.array(z.unknown()),
    prev_hash: z.string(),
    hash: z.string(),
  })
  .openapi("AuditEntry")

const moment = z.iso.datetime({ offset: true }).optional()

export const listAuditRoute = defineRoute({
  scope: "audit:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/audit",
    operationId: "list-audit",
    tags: ["access"],
    summary: "List who decided and who changed what, newest first",
    description: "Rows are only ever added, each with the hash of the one before it.",
    request: {
      query: z.strictObject({
        ...pagingQuery,
        transaction: InstanceId.optional(),
        actor: text(200).optional(),
        action: z.enum(AUDIT_ACTIONS).optional(),
        since: moment.openapi({ description: "From this moment on.", example: "2026-07-01T00:00:00Z" }),
        until: moment.openapi({ description: "Before this moment." }),
      }),
    },
    responses: { 200: successOf("One page.", listOf(AuditEntry)) },
  }),
  handler: (services) => async (c) => {
    const query = c.req.valid("query")
    const filter = {
      tenant: c.get("identity").tenant,
      instance_id: query.transaction ?? null,
      actor: query.actor ?? null,
      action: query.action ?? null,
      since: toMs(query.since),
      until: toMs(query.until),
    }
    const { rows, ...page } = await readPage(query, {
      list: (slice) => listAudit(services.pool, filter, slice),
      count: () => countAudit(services.pool, filter),
      placeOf: ({ seq }) => ({ at: String(seq), id: "" }),
      placeId: /^$/,
    })
    return c.json(success({ list: rows, ...page }), 200)
  },
})

function toMs(moment: string | undefined): number | null {
  return moment === undefined ? null : Date.parse(moment)
}
