import type { TransactionKey } from "../../store/queries/list-orphans.ts"
import type { Cooldown } from "./cooldown.ts"
import { inParallel } from "./in-parallel.ts"
import type { SweepContext, Summary } from "./parts.ts"

const WIDTH = 8
/** So many answers in a row that did not come: no worker is there, and the rest would wait in vain. */
const SILENT_ENOUGH = 3

/**
 * Compares transactions with Temporal, a few at once, and stops early while nobody answers.
 *
 * @returns those that need no second look.
 */
export async function compareAll<Key extends TransactionKey>(
  { reconciler }: SweepContext,
  keys: Key[],
  cooldown: Cooldown,
  summary: Summary,
): Promise<Key[]> {
  const done: Key[] = []
  let silent = 0
  await inParallel(keys, WIDTH, async (key) => {
    const name = `${key.tenant}/${key.transaction_id}`
    if (silent >= SILENT_ENOUGH || cooldown.isCooling(name)) return
    const verdict = await reconciler.reconcile({ tenant: key.tenant, transaction_id: key.transaction_id })
    summary.checked++
    if (verdict.kind === "away") {
      silent++
      summary.away++
      cooldown.fail(name)
      return
    }
    silent = 0
    cooldown.succeed(name)
    done.push(key)
    if (verdict.kind === "healed") summary.healed++
    if (verdict.kind !== "unknown" && verdict.confirmed) summary.confirmed++
  })
  return done
}
