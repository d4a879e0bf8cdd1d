/** `POST /bulk-jobs/{id}/pause`, `/resume` and `/cancel`. */
import { createRoute, z } from "@hono/zod-openapi"
import type { BulkCommand } from "../../../contract/bulk.ts"
import { saveBulkActor } from "../../../store/queries/save-bulk-actor.ts"
import { BulkJob, getBulkJob, viewBulkJob } from "../../bulk/job-view.ts"
import { commandBulkJob } from "../../bulk/run-job.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { BulkJobId } from "../../texts.ts"

interface Words {
  summary: string
  description: string
}

function commandRoute(command: BulkCommand, words: Words) {
  return defineRoute({
    scope: "transactions:write",
    idempotent: "whole",
    contract: createRoute({
      method: "post",
      path: `/api/v1/bulk-jobs/{id}/${command}`,
      operationId: `${command}-bulk-job`,
      tags: ["bulk jobs"],
      ...words,
      request: { params: z.object({ id: BulkJobId }) },
      responses: { 200: successOf("The job.", BulkJob), ...problemsOf(404, 409) },
    }),
    handler: (services) => async (c) => {
      const author = authorOf(c)
      const key = { tenant: author.tenant, job_id: c.req.valid("param").id }
      const { state } = await getBulkJob(services, key)
      // Whoever resumes it decides from now on.
      if (command === "resume") await saveBulkActor(services.pool, { ...key, ...author })
      await commandBulkJob(services, { ...key, command, state })
      const view = await viewBulkJob(services, key)
      await recordChange(services, author, {
        work: () => Promise.resolve(),
        toChange: () => ({
          action: `bulk_job.${command}`,
          subject: key.job_id,
          before: { state },
          after: { state: view.state },
        }),
      })
      return c.json(success(view), 200)
    },
  })
}

export const bulkCommandRoutes = [
  commandRoute("pause", {
    summary: "Pause a bulk job",
    description: "Nothing more is decided until it is resumed; what was decided goes on.",
  }),
  commandRoute("resume", {
    summary: "Go on with a bulk job that is paused or stopped",
    description: "One that stopped begins with a canary again, and takes what failed with it.",
  }),
  commandRoute("cancel", {
    summary: "End a bulk job",
    description: "Nothing more is decided; what was decided goes on.",
  }),
]
