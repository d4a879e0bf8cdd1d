import type { Queryable } from "./queryable.ts"
import { taskDefinitionColumns, TaskDefinitionRow } from "./task-definition-row.ts"

export interface NewTaskDefinition extends Pick<
  TaskDefinitionRow,
  "name" | "type" | "description" | "config" | "input_fields" | "retry" | "timeout" | "effect"
> {
  tenant: string
  user: string
}

/** `undefined` when the tenant has a definition of this name: then nothing was stored. */
export async function insertTaskDefinition(
  db: Queryable,
  definition: NewTaskDefinition,
): Promise<TaskDefinitionRow | undefined> {
  const { rows } = await db.query(
    `insert into task_definition
       (tenant_id, name, type, description, config, input_fields, retry, timeout, effect, create_user, updated_user)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
     on conflict (tenant_id, name) do nothing
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
