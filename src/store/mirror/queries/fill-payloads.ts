import type { Client } from "pg"
import { taskEvent } from "../../events/event-columns.ts"
import { INSERT_EVENTS } from "../../events/insert-events.ts"

/**
 * After task rows came too late (newer ones were stored): their inputs and outputs may be the only copy, since a
 * workflow drops payloads at a continue-as-new. Takes the `tasks` document of `writeChanges`.
 */
export async function fillPayloads(client: Client, tasks: string): Promise<void> {
  await client.query({
    name: "fill_payloads",
    text: `
      with filled as (
        update txn_task as stored set
          input = coalesce(stored.input, r.input::json),
          output = case when stored.output is null and stored.output_dropped
            then r.output::json else stored.output end,
          output_sha256 = case when stored.output is null and stored.output_dropped
            then r.output_sha256 else stored.output_sha256 end
        from json_to_recordset($1) as r (
          tenant_id text, instance_id text, path text, generation integer, input text, output text,
          output_sha256 text
        )
        where stored.tenant_id = r.tenant_id and stored.instance_id = r.instance_id and stored.path = r.path
          and stored.generation = r.generation
          and (stored.input is null and r.input is not null
            or stored.output is null and stored.output_dropped and r.output is not null)
        returning ${taskEvent("stored")}
      ), told as (select 1 as place, * from filled),
      ${INSERT_EVENTS}
      select (select count(*) from rung)`,
    values: [tasks],
  })
}
