/**
 * The state that people are shown: what they said of an open record lies over the engine's word, which stays in
 * its column. What changes most about who has to look comes first: a decision about it that waits for a second person,
 * then a record that sleeps, then one that has somebody, then one that was seen.
 */
import { EXCEPTION_STATES } from "../../contract/statuses.ts"

export const SHOWN_STATES = [
  ...EXCEPTION_STATES,
  "action_pending",
  "acknowledged",
  "assigned",
  "snoozed",
] as const

/** Of the row `e` of `exception`. */
export const shownState = `
  case
    when e.state not in ('open', 'reopened') then e.state
    when exists (
      select from txn as held, json_array_elements(held.pending_approvals) as request
      where held.tenant_id = e.tenant_id and held.instance_id = e.instance_id
        and coalesce(request ->> 'task', '') = e.path and request ->> 'operation' = e.operation
        and to_timestamp((request ->> 'expires_at')::float8 / 1000) > now()
    ) then 'action_pending'
    when e.snoozed_until > now() then 'snoozed'
    when e.owner is not null or e.team is not null then 'assigned'
    when e.acknowledged_at is not null then 'acknowledged'
    else e.state
  end`
