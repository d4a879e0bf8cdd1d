import { createRoute, z } from "@hono/zod-openapi"
import { findTaskDefinition } from "../../../store/queries/find-task-definition.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { findBuiltIn, TaskDefinition, toTaskDefinition } from "../../task-definition-view.ts"
import { text } from "../../texts.ts"

export const getTaskDefinitionRoute = defineRoute({
  scope: "flows:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/task-definitions/{name}",
    operationId: "get-task-definition",
    tags: ["task definitions"],
    summary: "Read a task definition",
    request: { params: z.object({ name: text(200) }) },
    responses: { 200: successOf("Your own, else the built-in one.", TaskDefinition), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { name } = c.req.valid("param")
    const row = await findTaskDefinition(services.pool, { tenant: c.get("identity").tenant, name })
    const definition = row === undefined ? findBuiltIn(name) : toTaskDefinition(row)
    if (definition === undefined) throw new ApiProblem("task_definition_not_found")
    return c.json(success(definition), 200)
  },
})
