/** Which exceptions a list, a count or groups are about. */
import { shownState } from "./shown-state.ts"

export interface ExceptionFilter {
  tenant: string
  handled: boolean | null
  kind: string | null
  severity: string | null
  /** As it is shown. */
  state: string | null
  /** Id or name. */
  flow: string | null
  /** Of any of these. */
  instance_ids: readonly string[] | null
  owner: string | null
  team: string | null
  group: string | null
  /** Open, and asleep at this moment. */
  snoozed: boolean | null
  /** Open, and past its time. */
  overdue: boolean | null
  /** Waits for somebody, or is over. */
  open: boolean | null
}

/** For rows whose group was not stored. Of the rows `e` of `exception` and `t` of `txn`. */
export const computedGroup = `
  exception_group(t.flow_id, e.path, e.operation, e.kind, e.code, coalesce(e.message_shape, e.message))`

/** Whoever a person gave it to goes before what the flow says. Of the row `e` of `exception`. */
export const shownTeam = "coalesce(e.team, e.flow_team)"

const isOpen = "e.state in ('open', 'reopened')"
const isOverdue = `${isOpen} and coalesce(e.sla_due_at < now(), false)`

/** Of the rows `e` of `exception` and `t` of `txn`, parameters $1 to $13. */
export const exceptionFilter = `
  e.tenant_id = $1
  and ($2::boolean is null or e.handled = $2)
  and ($3::text is null or e.kind = $3)
  and ($4::text is null or e.severity = $4)
  and ($5::text is null or ${shownState} = $5)
  and ($6::text is null or t.flow_id = $6 or t.flow_name = $6)
  and ($7::text[] is null or e.instance_id = any($7))
  and ($8::text is null or e.owner = $8)
  and ($9::text is null or ${shownTeam} = $9)
  and ($10::text is null or e.group_hash = $10 or (e.group_hash is null and ${computedGroup} = $10))
  and ($11::boolean is null or (${shownState} = 'snoozed') = $11)
  and ($12::boolean is null or (${isOverdue}) = $12)
  and ($13::boolean is null or (${isOpen}) = $13)`

/** The parameters $1 to $13. */
export function filterValues(filter: ExceptionFilter): unknown[] {
  return [
    filter.tenant,
    filter.handled,
    filter.kind,
    filter.severity,
    filter.state,
    filter.flow,
    filter.instance_ids,
    filter.owner,
    filter.team,
    filter.group,
    filter.snoozed,
    filter.overdue,
    filter.open,
  ]
}
