import type { Pool } from "pg"
import type { ExceptionRow } from "../../contract/rows.ts"

type Columns = Omit<
  ExceptionRow,
  | "occurred_at"
  | "resolved_at"
  | "retry_safe_until"
  | "team"
  | "escalation_level"
  | "escalated_to"
  | "escalates_at"
  | "escalation_refused"
  | "sla_due_at"
> & {
  retry_safe_until: Date | null
  team: string | null
  escalation_level: number
  escalated_to: string | null
  escalates_at: Date | null
  escalation_refused: string | null
  sla_due_at: Date | null
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
        retry_safe, retry_safe_until, retry_safe_reason, suggested_actions, occurred_at, resolved_at, resolved_by,
        flow_team as team, escalation_level, escalated_to, escalates_at, escalation_refused, sla_due_at
      from exception where tenant_id = $1 and instance_id = $2
      order by id`,
    values: [tenant, transaction_id],
  })
  return rows.map(toRow)
}

/** What the engine leaves out is null in its column. */
function toRow(columns: Columns): ExceptionRow {
  const { retry_safe_until, occurred_at, resolved_at, ...rest } = columns
  const { team, escalation_level, escalated_to, escalates_at, escalation_refused, sla_due_at, ...row } = rest
  return {
    ...row,
    ...(retry_safe_until === null ? {} : { retry_safe_until: retry_safe_until.getTime() }),
    ...(team === null ? {} : { team }),
    ...(escalation_level === 0 ? {} : { escalation_level }),
    ...(escalated_to === null ? {} : { escalated_to }),
    ...(escalates_at === null ? {} : { escalates_at: escalates_at.getTime() }),
    ...(escalation_refused === null ? {} : { escalation_refused }),
    ...(sla_due_at === null ? {} : { sla_due_at: sla_due_at.getTime() }),
    occurred_at: occurred_at.getTime(),
    resolved_at: resolved_at?.getTime() ?? null,
  }
}
