/** Which decisions that wait for a second person a list, or a count, is about. */
export interface ApprovalFilter {
  tenant: string
  instance_id: string | null
  /** Without what this person asked for, and so may not approve. */
  not_by: string | null
}

/**
 * Of the rows `t` of `txn` and `r` of its requests, parameters $1 to $3. What has expired waits no longer, also where
 * the mirror has not heard of that yet.
 */
export const PENDING_APPROVALS = `
  txn as t
  cross join lateral json_to_recordset(t.pending_approvals) as r (
    id text, action text, task text, requester text, at float8, expires_at float8
  )
  where t.tenant_id = $1 and t.pending_approvals is not null
    and ($2::text is null or t.instance_id = $2)
    and ($3::text is null or r.requester <> $3)
    and to_timestamp(r.expires_at / 1000) > now()`

export function approvalValues({ tenant, instance_id, not_by }: ApprovalFilter): unknown[] {
  return [tenant, instance_id, not_by]
}
