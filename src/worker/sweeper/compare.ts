import { toError } from "../../contract/errors.ts"
import type { TransactionKey } from "../../store/queries/transaction-key.ts"
import { isTemporalAway } from "../../store/temporal/errors.ts"
import type { Cooldown } from "./cooldown.ts"
import { inParallel } from "./in-parallel.ts"
import type { SweepContext, Summary } from "./parts.ts"
import type { Verdict } from "./reconcile.ts"

const WIDTH = 8
/** So many answers in a row that did not come: no worker is there, and the rest would wait in vain. */
const SILENT_ENOUGH = 3

/**
 * Compares transactions with Temporal, a few at once, and stops early while nobody answers. One that cannot be
 * compared holds up no other: it is logged and cools, and comes last when its turn comes again.
 *
 * @returns those that need no second look.
 */
export async function compareAll<Key extends TransactionKey>(
  context: Pick<SweepContext, "reconciler" | "logger">,
  keys: Key[],
  cooldown: Cooldown,
  summary: Summary,
): Promise<Key[]> {
  const done: Key[] = []
  let silent = 0
  const due = new Set(cooldown.failed().due)
  const isLast = (key: Key) => Number(due.has(toName(key)))
  const ordered = keys.toSorted((a, b) => isLast(a) - isLast(b))
  await inParallel(ordered, WIDTH, async (key) => {
    const name = toName(key)
    if (silent >= SILENT_ENOUGH || cooldown.isCooling(name)) return
    const verdict = await compare(context, { tenant: key.tenant, transaction_id: key.transaction_id })
    if (verdict.kind === "unstarted") {
      cooldown.fail(name)
      return
    }
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

async function compare(
  { reconciler, logger }: Pick<SweepContext, "reconciler" | "logger">,
  key: TransactionKey,
): Promise<Verdict> {
  try {
    return await reconciler.reconcile(key)
  } catch (thrown) {
    // A Temporal that is away is told by whoever asks it for a list.
    if (!isTemporalAway(thrown))
      logger.warn(
        { ...key, error: toError(thrown).message },
        "a transaction cannot be compared with Temporal",
      )
    return { kind: "away" }
  }
}

function toName({ tenant, transaction_id }: TransactionKey): string {
  return `${tenant}/${transaction_id}`
}
