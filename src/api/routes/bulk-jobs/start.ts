import { createRoute, z } from "@hono/zod-openapi"
import type { BulkJobRow } from "../../../store/queries/bulk-job-row.ts"
import { findBulkJob } from "../../../store/queries/find-bulk-job.ts"
import { saveBulkActor } from "../../../store/queries/save-bulk-actor.ts"
import { BulkJob, getBulkJob, viewBulkJob } from "../../bulk/job-view.ts"
import { refuseApprovals } from "../../bulk/refuse-approvals.ts"
import { startBulkJob } from "../../bulk/run-job.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { BulkJobId } from "../../texts.ts"

export const startBulkJobRoute = defineRoute({
  scope: "transactions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/bulk-jobs/{id}/start",
    operationId: "start-bulk-job",
    tags: ["bulk jobs"],
    summary: "Start a bulk job that was a dry run",
    description: "It is about what was counted, and about nothing that came later.",
    request: { params: z.object({ id: BulkJobId }) },
    responses: { 200: successOf("The job.", BulkJob), ...problemsOf(404, 409) },
  }),
  handler: (services) => async (c) => {
    const author = authorOf(c)
    const key = { tenant: author.tenant, job_id: c.req.valid("param").id }
    const row = await getBulkJob(services, key)
    assertPreview(row)
    await refuseApprovals(services, { ...author, action: row.action })
    // Before it starts: its decisions are those of whoever starts it.
    await recordChange(services, author, {
      work: async (db) => {
        await saveBulkActor(db, { ...key, ...author })
        // Its row is ours now: whoever was faster with a cancel was heard.
        assertPreview(await findBulkJob(db, key))
      },
      toChange: () => ({ action: "bulk_job.start", subject: key.job_id, before: null, after: null }),
    })
    await startBulkJob(services, key.tenant, row)
    return c.json(success(await viewBulkJob(services, key)), 200)
  },
})

function assertPreview(row: Pick<BulkJobRow, "state"> | undefined): void {
  if (row === undefined) throw new ApiProblem("bulk_job_not_found")
  if (row.state !== "preview") throw new ApiProblem("bulk_job_state", { detail: `The job is ${row.state}.` })
}
