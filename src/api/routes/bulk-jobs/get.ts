import { createRoute, z } from "@hono/zod-openapi"
import { BulkJob, viewBulkJob } from "../../bulk/job-view.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"
import { BulkJobId } from "../../texts.ts"

export const getBulkJobRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/bulk-jobs/{id}",
    operationId: "get-bulk-job",
    tags: ["bulk jobs"],
    summary: "Get a bulk job, with what it has come to",
    request: { params: z.object({ id: BulkJobId }) },
    responses: { 200: successOf("The job.", BulkJob), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    return c.json(success(await viewBulkJob(services, { tenant, job_id: c.req.valid("param").id })), 200)
  },
})
