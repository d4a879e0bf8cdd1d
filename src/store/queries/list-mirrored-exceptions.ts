import type { Pool } from "pg"
import type { ExceptionRow } from "../../contract/rows.ts"

type Columns = Omit<ExceptionRow, "occurred_at" | "resolved_at" | "retry_safe_until"> & {
  retry_safe_until: Date | null
  occurred_at: Date
  resolved_at: Date | null
}

/** The exceptions of a transaction, engine columns only. */
export async function listMirroredExceptions(
  pool: Pool,
  { tenant, transaction_id }: { tenant: string; transaction_id: string },
): Promise<ExceptionRow[]> {
  const { rows } = await pool.query<Columns>({
    name: "list_mirrored_exceptions",
    text: `
      select
        nullif(path, '') as task, operation, generation, kind, severity, state, code, message, outcome, occurrence,
        retry_safe, retry_safe_until, retry_safe_reason, suggested_actions, occurred_at, resolved_at, resolved_by
      from exception where tenant_id = $1 and instance_id = $2
      order by id`,
    values: [tenant, transaction_id],
  })
  return rows.map(({ retry_safe_until, occurred_at, resolved_at, ...row }) => ({
    ...row,
    ...(retry_safe_until === null ? {} : { retry_safe_until: retry_safe_until.getTime() }),
    occurred_at: occurred_at.getTime(),
    resolved_at: resolved_at?.getTime() ?? null,
  }))
}
