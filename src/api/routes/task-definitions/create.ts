import { createRoute } from "@hono/zod-openapi"
import { insertTaskDefinition } from "../../../store/queries/insert-task-definition.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import {
  readDefinitionBody,
  TaskDefinition,
  TaskDefinitionBody,
  toDefinitionChange,
  toTaskDefinition,
} from "../../task-definition-view.ts"

export const createTaskDefinitionRoute = defineRoute({
  scope: "flows:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/task-definitions",
    operationId: "create-task-definition",
    tags: ["task definitions"],
    summary: "Register what a task_name stands for",
    description:
      "Flows that are published from now on use it; what was published keeps what it was compiled from.",
    request: { body: { required: true, content: { "application/json": { schema: TaskDefinitionBody } } } },
    responses: { 201: successOf("Registered.", TaskDefinition), ...problemsOf(409, 422) },
  }),
  handler: (services) => async (c) => {
    const definition = readDefinitionBody(c.req.valid("json"), c.get("identity"))
    const row = await recordChange(services, authorOf(c), {
      work: (db) => insertTaskDefinition(db, definition),
      toChange: (after) => after && toDefinitionChange("task_definition.create", { after }),
    })
    if (row === undefined) throw new ApiProblem("task_definition_exists")
    const location = `/api/v1/task-definitions/${encodeURIComponent(row.name)}`
    return c.json(success(toTaskDefinition(row)), 201, { location })
  },
})
