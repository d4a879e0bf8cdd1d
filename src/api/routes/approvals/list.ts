import { createRoute, z } from "@hono/zod-openapi"
import { ATTESTATIONS } from "../../../contract/statuses.ts"
import { countApprovals } from "../../../store/queries/count-approvals.ts"
import { listApprovals } from "../../../store/queries/list-approvals.ts"
import { PendingApproval, toPendingApproval } from "../../approval-view.ts"
import { success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { flag, InstanceId } from "../../texts.ts"

const ListedApproval = PendingApproval.extend({
  instance_id: z.string(),
  flow_id: z.string(),
  flow_name: z.string(),
  business_key: z.string().nullable(),
  requester_roles: z.array(z.string()),
  reason: z.string().nullable(),
  attest: z.enum(ATTESTATIONS).nullable(),
  executed_externally: z.boolean().nullable(),
  evidence: z.unknown(),
}).openapi("ListedApproval")

export const listApprovalsRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/approvals",
    operationId: "list-approvals",
    tags: ["transactions"],
    summary: "List decisions that wait for a second person, newest first",
    description: "As the mirror knows them: approve and reject are judged by the transaction itself.",
    request: {
      query: z.strictObject({
        ...pagingQuery,
        transaction: InstanceId.optional(),
        from_others: flag.optional().openapi({
          description: "true: without what the caller asked for, and so may not approve.",
        }),
      }),
    },
    responses: { 200: successOf("One page.", listOf(ListedApproval)) },
  }),
  handler: (services) => async (c) => {
    const { tenant, actor } = c.get("identity")
    const query = c.req.valid("query")
    const filter = {
      tenant,
      instance_id: query.transaction ?? null,
      not_by: query.from_others === true ? actor : null,
    }
    const { rows, ...page } = await readPage(query, {
      list: (slice) => listApprovals(services.pool, filter, slice),
      count: () => countApprovals(services.pool, filter),
      placeOf: ({ at, id, instance_id }) => ({ at: String(at), id: `${id} ${instance_id}` }),
      placeId: /^\P{Cc}{1,600}$/u,
    })
    const list = rows.map((row) => ({
      ...toPendingApproval({ ...row, operation: "do" }),
      instance_id: row.instance_id,
      flow_id: row.flow_id,
      flow_name: row.flow_name,
      business_key: row.business_key,
      requester_roles: row.roles ?? [],
      reason: row.reason,
      attest: row.attest,
      executed_externally: row.executed_externally,
      evidence: row.evidence ?? null,
    }))
    return c.json(success({ list, ...page }), 200)
  },
})
