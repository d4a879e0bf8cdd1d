import { z } from "zod"
import type { Queryable } from "./queryable.ts"
import { taskDefinitionColumns, TaskDefinitionRow } from "./task-definition-row.ts"

/** All of a tenant's, by name: there are as many as a team has kinds of steps. */
export async function listTaskDefinitions(db: Queryable, tenant: string): Promise<TaskDefinitionRow[]> {
  const { rows } = await db.query(
    `select ${taskDefinitionColumns} from task_definition where tenant_id = $1 order by name`,
    [tenant],
  )
  return z.array(TaskDefinitionRow).parse(rows)
}
