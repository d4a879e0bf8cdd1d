import type { Queryable } from "./queryable.ts"
import { taskDefinitionColumns, TaskDefinitionRow } from "./task-definition-row.ts"

/** As it is until this transaction changes it. `undefined` when the tenant has none of this name. */
export async function lockTaskDefinition(
  db: Queryable,
  { tenant, name }: { tenant: string; name: string },
): Promise<TaskDefinitionRow | undefined> {
  const { rows } = await db.query(
    `select ${taskDefinitionColumns} from task_definition where tenant_id = $1 and name = $2 for update`,
    [tenant, name],
  )
  return rows[0] === undefined ? undefined : TaskDefinitionRow.parse(rows[0])
}
