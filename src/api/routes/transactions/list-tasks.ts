import { createRoute, z } from "@hono/zod-openapi"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { listOf } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { Task } from "../../task-view.ts"
import { InstanceId } from "../../texts.ts"
import { viewTransaction } from "../../transaction-view.ts"

export const listTasksRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/transactions/{id}/tasks",
    operationId: "list-tasks",
    tags: ["transactions"],
    summary: "List all tasks of a transaction, in definition order",
    request: { params: z.object({ id: InstanceId }) },
    responses: { 200: successOf("All of them, on one page.", listOf(Task)), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const key = { tenant: c.get("identity").tenant, instance_id: c.req.valid("param").id }
    const { tasks } = await viewTransaction(services, { ...key, source: "mirror" })
    const pagination = { page: 1, page_size: tasks.length, total: tasks.length }
    return c.json(success({ list: tasks, pagination }), 200)
  },
})
