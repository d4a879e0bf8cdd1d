import { setTimeout as sleep } from "node:timers/promises"
import type { Pool } from "pg"
import type { MirrorChange } from "../../contract/rows.ts"
import { numberReset, renumberReset } from "../../store/mirror/queries/number-reset.ts"
import type { StoredMirror } from "../../store/mirror/read-mirror.ts"
import type { MirrorWriter } from "../../store/mirror/writer.ts"
import type { Finding } from "./find-out.ts"

const FLUSH_PATIENCE_MS = 10_000

/** Writes what was found out through the same lane as a worker's rows. @throws Error when Postgres does not take it. */
export async function writeFinding(
  { pool, writer }: { pool: Pool; writer: MirrorWriter },
  stored: StoredMirror,
  finding: Finding,
): Promise<void> {
  const { tenant, transaction_id, workflow_id, resets } = stored.transaction
  const { run, reset_run, view } = finding
  if (reset_run !== undefined) {
    const reset = { tenant, transaction_id, run_id: reset_run }
    // Temporal says that this run is the current one, so its lineage is the newest.
    if ((await numberReset(pool, reset)) < resets) await renumberReset(pool, reset)
  }
  const change: MirrorChange = {
    ...view,
    tenant,
    transaction_id,
    workflow_id,
    run_id: run.run_id,
    original_run_id: run.run_id,
    ...(reset_run === undefined ? {} : { reset_run }),
    history_length: run.history_length,
    ordinal: run.ordinal,
    complete: finding.extent === "whole",
  }
  writer.push(change)
  await withPatience(writer.flush())
}

/** While Postgres is away a flush waits, and a sweeper that is to stop would wait with it. */
export async function withPatience(flushed: Promise<void>): Promise<void> {
  const isFlushed = flushed.then(() => true)
  if (await Promise.race([isFlushed, sleep(FLUSH_PATIENCE_MS, false, { ref: false })])) return
  throw new Error("Postgres does not take the mirror's rows")
}
