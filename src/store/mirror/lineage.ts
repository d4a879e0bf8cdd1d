import type { MirrorChange } from "../../contract/rows.ts"

/** Whose rows can be ordered without Postgres: those of one transaction's runs between two resets. */
export interface Lineage {
  tenant: string
  transaction_id: string
  /** The reset run whose number comes first in the order; none for a transaction that was never reset. */
  reset_run: string | undefined
}

export function lineageOf({
  tenant,
  transaction_id,
  run_id,
  original_run_id,
  reset_run,
}: MirrorChange): Lineage {
  return { tenant, transaction_id, reset_run: run_id === original_run_id ? reset_run : run_id }
}

export function keyOf({ tenant, transaction_id, reset_run }: Lineage): string {
  return `${tenant}/${transaction_id}\n${reset_run ?? ""}`
}
