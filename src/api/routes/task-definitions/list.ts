import { createRoute, z } from "@hono/zod-openapi"
import { listTaskDefinitions } from "../../../store/queries/list-task-definitions.ts"
import { success, successOf } from "../../envelope.ts"
import { listOf } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { listBuiltIns, TaskDefinition, toTaskDefinition } from "../../task-definition-view.ts"

export const listTaskDefinitionsRoute = defineRoute({
  scope: "flows:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/task-definitions",
    operationId: "list-task-definitions",
    tags: ["task definitions"],
    summary: "List task definitions: your own by name, then the built-in ones",
    request: { query: z.strictObject({}) },
    responses: { 200: successOf("All of them, on one page.", listOf(TaskDefinition)) },
  }),
  handler: (services) => async (c) => {
    const rows = await listTaskDefinitions(services.pool, c.get("identity").tenant)
    const own = rows.map(toTaskDefinition)
    const list = [...own, ...listBuiltIns(new Set(own.map(({ name }) => name)))]
    const pagination = { page: 1, page_size: list.length, total: list.length }
    return c.json(success({ list, pagination }), 200)
  },
})
