import { createRoute, z } from "@hono/zod-openapi"
import { BULK_ITEM_STATES } from "../../../contract/bulk.ts"
import { listBulkItems } from "../../../store/queries/list-bulk-items.ts"
import { BulkItem, getBulkJob, toBulkItem } from "../../bulk/job-view.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"
import { BulkJobId, decimal } from "../../texts.ts"

export const listBulkItemsRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/bulk-jobs/{id}/items",
    operationId: "list-bulk-items",
    tags: ["bulk jobs"],
    summary: "List what a bulk job does to each transaction, in its order",
    request: {
      params: z.object({ id: BulkJobId }),
      query: z.strictObject({
        state: z.enum(BULK_ITEM_STATES).optional(),
        after: decimal({ min: 0, max: 1_000_000 })
          .default(0)
          .openapi({ description: "Those behind this seq." }),
        limit: decimal({ min: 1, max: 1_000 }).default(200),
      }),
    },
    responses: {
      200: successOf(
        "One page; `next_after` for the next one.",
        z.object({ list: z.array(BulkItem), next_after: z.int().nullable() }),
      ),
      ...problemsOf(404),
    },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const { state, after, limit } = c.req.valid("query")
    const key = { tenant, job_id: c.req.valid("param").id }
    await getBulkJob(services, key)
    // One row more than asked for tells whether there is a next page.
    const part = { ...key, state: state ?? null, after_seq: after, limit: limit + 1 }
    const rows = await listBulkItems(services.pool, part)
    const list = rows.slice(0, limit).map(toBulkItem)
    return c.json(success({ list, next_after: rows.length > limit ? (list.at(-1)?.seq ?? null) : null }), 200)
  },
})
