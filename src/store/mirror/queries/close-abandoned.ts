import type { Client } from "pg"
import { exceptionEvent, taskPendingEvent } from "../../events/event-columns.ts"
import { INSERT_EVENTS } from "../../events/insert-events.ts"

/**
 * After a complete change, whose rows are all the workflow knows, open exceptions that the workflow no longer has
 * are over. The place in the order is kept, for exceptions that are still on their way.
 * Tasks of a run that a reset abandoned are pending again. That is repeated at every flush of a run after a reset:
 * another writer may be inserting rows of the abandoned one at this moment, unseen by this statement.
 */
export async function closeAbandoned(client: Client, completes: string): Promise<void> {
  await client.query({
    name: "close_abandoned",
    text: `
      with complete as (
        select * from json_to_recordset($1) as r (
          tenant_id text, instance_id text, resets integer, chain integer, seq bigint
        )
      ), remembered as (
        update txn as stored set complete_resets = r.resets, complete_chain = r.chain, complete_seq = r.seq
        from complete as r
        where stored.tenant_id = r.tenant_id and stored.instance_id = r.instance_id
          and (stored.complete_resets, stored.complete_chain, stored.complete_seq) < (r.resets, r.chain, r.seq)
      ), pending_again as (
        delete from txn_task as stored using complete as r
        where stored.tenant_id = r.tenant_id and stored.instance_id = r.instance_id and stored.resets < r.resets
        returning ${taskPendingEvent("stored")}
      ), closed as (
        update exception as stored set
          state = case when stored.kind in ('orchestrator_lost', 'mirror_drift') then 'auto_resolved'
            else 'superseded' end,
          escalates_at = null,
          resolved_at = now(),
          resets = r.resets,
          chain = r.chain,
          seq = r.seq,
          updated_at = now()
        from complete as r
        where stored.tenant_id = r.tenant_id and stored.instance_id = r.instance_id
          and stored.state in ('open', 'reopened')
          and (stored.resets, stored.chain, stored.seq) < (r.resets, r.chain, r.seq)
        returning ${exceptionEvent("stored")}
      ), told as (
        select 1 as place, * from pending_again union all select 2, * from closed
      ),
      ${INSERT_EVENTS}
      select (select count(*) from rung)`,
    values: [completes],
  })
}
