import { createRoute, z } from "@hono/zod-openapi"
import { findTaskOutput, type TaskOutputRow } from "../../../store/queries/find-task-output.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { InstanceId, text } from "../../texts.ts"
import { getTaskPrivacy } from "../../transaction-view.ts"

const Output = z.unknown().openapi({ description: "The value itself, as later tasks get it." })

export const getTaskOutputRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/transactions/{id}/tasks/{task}/output",
    operationId: "get-task-output",
    tags: ["transactions"],
    summary: "Read the whole output of a task",
    description:
      "Also one of more than 64 KiB, of which other answers say only that it is kept by reference. Null for a task that has none.",
    request: { params: z.object({ id: InstanceId, task: text(200) }) },
    responses: { 200: successOf("The output.", Output), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { id, task } = c.req.valid("param")
    const key = { tenant: c.get("identity").tenant, instance_id: id, path: task }
    const { hide } = await getTaskPrivacy(services, key)
    const row = await findTaskOutput(services.pool, key)
    return c.json(success(hide(row === undefined ? null : toOutput(row))), 200)
  },
})

function toOutput({ output, output_sha256, content }: TaskOutputRow): unknown {
  if (output_sha256 === null) return output ?? null
  if (content === null) throw new ApiProblem("output_not_found")
  return JSON.parse(content)
}
