import { createHash } from "node:crypto"
import { LOCK_CLASS_ONCE } from "../advisory-locks.ts"
import { type Claim, findHolder, type Once } from "./find-holder.ts"
import type { Queryable } from "./queryable.ts"

/** Another transaction, open or successful, has what this one may not have as well. */
export interface Duplicate {
  kind: "duplicate"
  instance_id: string
  in: Once
}

type Claimant = Pick<Claim, "tenant" | "flow_id" | "instance_id"> & Record<Once, string | null>

/**
 * Claims what no two transactions of a flow may have in common, for as long as the database transaction lasts: who
 * wants the same waits for its end. @returns who has it already, if one has.
 */
export async function claimOnce(
  db: Queryable,
  claimant: Claimant,
  once: readonly Once[],
): Promise<Duplicate | undefined> {
  const { tenant, flow_id, instance_id } = claimant
  // In one order, or two requests would wait for each other.
  for (const column of once.toSorted()) {
    const value = claimant[column]
    const lock = createHash("sha256").update(JSON.stringify([tenant, flow_id, column, value]))
    await db.query("select pg_advisory_xact_lock($1, $2)", [LOCK_CLASS_ONCE, lock.digest().readInt32BE()])
    const holder = await findHolder(db, { tenant, flow_id, instance_id, in: column, value })
    if (holder !== undefined) return { kind: "duplicate", in: column, instance_id: holder }
  }
  return undefined
}
