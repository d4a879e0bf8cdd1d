import type { Pool } from "pg"
import type { TaskRow } from "../../contract/rows.ts"

type Columns = Omit<TaskRow, "started_at" | "ended_at" | "output_sha256" | "undo"> & {
  output_sha256: string | null
  undo: TaskRow["undo"] | null
  started_at: Date | null
  ended_at: Date | null
}

/** The tasks of a transaction that the mirror has, in definition order; pending ones may be absent. */
export async function listMirroredTasks(
  pool: Pool,
  { tenant, transaction_id }: { tenant: string; transaction_id: string },
): Promise<TaskRow[]> {
  const { rows } = await pool.query<Columns>({
    name: "list_mirrored_tasks",
    text: `
      select
        task_index as index, path, generation, status, outcome, compensation, undo, reason, input, output, output_sha256,
        output_dropped, error, started_at, ended_at
      from txn_task where tenant_id = $1 and instance_id = $2
      order by task_index, path`,
    values: [tenant, transaction_id],
  })
  return rows.map(({ output_sha256, undo, started_at, ended_at, ...row }) => ({
    ...row,
    ...(undo === null ? {} : { undo }),
    output_sha256: output_sha256 ?? undefined,
    started_at: started_at?.getTime() ?? null,
    ended_at: ended_at?.getTime() ?? null,
  }))
}
