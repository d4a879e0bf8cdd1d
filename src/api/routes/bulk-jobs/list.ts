import { createRoute, z } from "@hono/zod-openapi"
import { BULK_STATES } from "../../../contract/bulk.ts"
import { countBulkJobs } from "../../../store/queries/count-bulk-jobs.ts"
import { listBulkJobs } from "../../../store/queries/list-bulk-jobs.ts"
import { BulkJobSummary, toBulkJobSummary } from "../../bulk/job-view.ts"
import { success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"

export const listBulkJobsRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/bulk-jobs",
    operationId: "list-bulk-jobs",
    tags: ["bulk jobs"],
    summary: "List bulk jobs, newest first",
    request: { query: z.strictObject({ ...pagingQuery, state: z.enum(BULK_STATES).optional() }) },
    responses: { 200: successOf("One page.", listOf(BulkJobSummary)) },
  }),
  handler: (services) => async (c) => {
    const query = c.req.valid("query")
    const filter = { tenant: c.get("identity").tenant, state: query.state ?? null }
    const { rows, ...page } = await readPage(query, {
      list: (slice) => listBulkJobs(services.pool, filter, slice),
      count: () => countBulkJobs(services.pool, filter),
      placeOf: (row) => ({ at: row.created_us, id: row.job_id }),
      placeId: /^[0-9a-f-]{36}$/,
    })
    return c.json(success({ list: rows.map(toBulkJobSummary), ...page }), 200)
  },
})
