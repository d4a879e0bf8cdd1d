import { createRoute, z } from "@hono/zod-openapi"
import { lockTaskDefinition } from "../../../store/queries/lock-task-definition.ts"
import { updateTaskDefinition } from "../../../store/queries/update-task-definition.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import {
  findBuiltIn,
  readDefinitionBody,
  TaskDefinition,
  TaskDefinitionBody,
  toDefinitionChange,
  toTaskDefinition,
} from "../../task-definition-view.ts"
import { text } from "../../texts.ts"

export const replaceTaskDefinitionRoute = defineRoute({
  scope: "flows:write",
  contract: createRoute({
    method: "put",
    path: "/api/v1/task-definitions/{name}",
    operationId: "replace-task-definition",
    tags: ["task definitions"],
    summary: "Replace a task definition",
    description: "The whole of it. Published versions of flows keep what they were compiled from.",
    request: {
      params: z.object({ name: text(200) }),
      body: { required: true, content: { "application/json": { schema: TaskDefinitionBody } } },
    },
    responses: { 200: successOf("As it is now.", TaskDefinition), ...problemsOf(404, 409, 422) },
  }),
  handler: (services) => async (c) => {
    const { name } = c.req.valid("param")
    const body = c.req.valid("json")
    const definition = readDefinitionBody({ ...body, name: body.name ?? name }, c.get("identity"))
    if (definition.name !== name) {
      const detail = `This definition is named ${JSON.stringify(name)}, the body ${JSON.stringify(definition.name)}: a definition keeps its name.`
      const errors = [{ pointer: "/name", code: "name_mismatch", detail }]
      throw new ApiProblem("name_mismatch", { detail, errors })
    }
    const row = await recordChange(services, authorOf(c), {
      work: async (db) => {
        const before = await lockTaskDefinition(db, { tenant: definition.tenant, name })
        const after = await updateTaskDefinition(db, definition)
        return before && after && { before, after }
      },
      toChange: (replaced) => replaced && toDefinitionChange("task_definition.replace", replaced),
    })
    if (row !== undefined) return c.json(success(toTaskDefinition(row.after)), 200)
    if (findBuiltIn(name) === undefined) throw new ApiProblem("task_definition_not_found")
    throw new ApiProblem("task_definition_built_in", {
      detail: `${name} is built in: POST /api/v1/task-definitions makes one of your own, which goes before it.`,
    })
  },
})
