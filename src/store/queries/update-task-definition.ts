import type { NewTaskDefinition } from "./insert-task-definition.ts"
import type { Queryable } from "./queryable.ts"
import { taskDefinitionColumns, TaskDefinitionRow } from "./task-definition-row.ts"

/** The whole definition anew; its name stays. `undefined` when the tenant has none of this name. */
export async function updateTaskDefinition(
  db: Queryable,
  definition: NewTaskDefinition,
): Promise<TaskDefinitionRow | undefined> {
  const { rows } = await db.query(
    `update task_definition
     set type = $3, description = $4, config = $5, input_fields = $6, retry = $7, timeout = $8, effect = $9,
         updated_user = $10, updated_at = now()
     where tenant_id = $1 and name = $2
     returning ${taskDefinitionColumns}`,
    [
      definition.tenant,
      definition.name,
      definition.type,
      definition.description,
      JSON.stringify(definition.config),
      JSON.stringify(definition.input_fields),
      definition.retry === null ? null : JSON.stringify(definition.retry),
      definition.timeout === null ? null : JSON.stringify(definition.timeout),
      definition.effect,
      definition.user,
    ],
  )
  return rows[0] === undefined ? undefined : TaskDefinitionRow.parse(rows[0])
}
