import { createRoute, z } from "@hono/zod-openapi"
import { deleteTaskDefinition } from "../../../store/queries/delete-task-definition.ts"
import { lockTaskDefinition } from "../../../store/queries/lock-task-definition.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { ApiProblem } from "../../problem.ts"
import { authorOf, recordChange } from "../../record-change.ts"
import { defineRoute } from "../../route.ts"
import { findBuiltIn, toDefinitionChange } from "../../task-definition-view.ts"
import { text } from "../../texts.ts"

const Deleted = z.object({ name: z.string(), deleted: z.literal(true) })

export const deleteTaskDefinitionRoute = defineRoute({
  scope: "flows:write",
  contract: createRoute({
    method: "delete",
    path: "/api/v1/task-definitions/{name}",
    operationId: "delete-task-definition",
    tags: ["task definitions"],
    summary: "Delete a task definition of your own",
    description:
      "Published flows go on with what they were compiled from. A built-in one of this name shows again.",
    request: { params: z.object({ name: text(200) }) },
    responses: { 200: successOf("Deleted.", Deleted), ...problemsOf(404, 409) },
  }),
  handler: (services) => async (c) => {
    const { name } = c.req.valid("param")
    const key = { tenant: c.get("identity").tenant, name }
    const deleted = await recordChange(services, authorOf(c), {
      work: async (db) => {
        const before = await lockTaskDefinition(db, key)
        return before && (await deleteTaskDefinition(db, key)) ? { before } : undefined
      },
      toChange: (gone) => gone && toDefinitionChange("task_definition.delete", gone),
    })
    if (deleted !== undefined) return c.json(success({ name, deleted: true as const }), 200)
    throw new ApiProblem(
      findBuiltIn(name) === undefined ? "task_definition_not_found" : "task_definition_built_in",
    )
  },
})
