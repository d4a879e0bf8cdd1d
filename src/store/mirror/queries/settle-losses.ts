import type { Client } from "pg"
import type { Loss } from "../losses.ts"

/**
 * Has the sweeper compare what lost rows: `checked_at` becomes `-infinity`, which `list-stale.ts` takes at once.
 * A transaction is whole again once its row is newer than the newest row that is missing, since nothing but a
 * comparison, or all rows from another worker, makes it so (`losses.ts`); one whose end is final has nothing to come.
 *
 * @returns those that are whole.
 */
export async function settleLosses(client: Client, losses: Loss[]): Promise<Loss[]> {
  const { rows } = await client.query<{ place: number }>({
    name: "settle_losses",
    text: `
      with lost as (
        select r.place, r.tenant_id, r.instance_id, r.chain, r.seq,
          -- Of a reset that has no number yet nothing is there.
          case when r.reset_run is null then 0 else coalesce(reset.resets, 2147483647) end as resets
        from json_to_recordset($1) as r (
          place integer, tenant_id text, instance_id text, reset_run text, chain integer, seq bigint
        )
        left join txn_reset as reset on reset.tenant_id = r.tenant_id and reset.instance_id = r.instance_id
          and reset.run_id = r.reset_run
      ), behind as (
        select lost.place, txn.tenant_id, txn.instance_id
        from lost join txn on txn.tenant_id = lost.tenant_id and txn.instance_id = lost.instance_id
        where (txn.resets, txn.chain, txn.seq) <= (lost.resets, lost.chain, lost.seq)
          and (txn.confirmed_at is null or (txn.resets, txn.chain) < (lost.resets, lost.chain))
      ), told as (
        update txn set checked_at = '-infinity' from behind
        where txn.tenant_id = behind.tenant_id and txn.instance_id = behind.instance_id
          and txn.checked_at is distinct from '-infinity'
      )
      select place from behind`,
    values: [JSON.stringify(losses.map(toRecord))],
  })
  const behind = new Set(rows.map(({ place }) => place))
  return losses.filter((_, place) => !behind.has(place))
}

function toRecord({ tenant, transaction_id, reset_run, chain, seq }: Loss, place: number) {
  return { place, tenant_id: tenant, instance_id: transaction_id, reset_run: reset_run ?? null, chain, seq }
}
