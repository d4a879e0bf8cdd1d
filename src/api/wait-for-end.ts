/** Waiting until a transaction has ended for good. */
import { setTimeout as sleep } from "node:timers/promises"
import { toError } from "../contract/errors.ts"
import { isEndStatus } from "../contract/statuses.ts"
import { confirmEnds } from "../store/queries/confirm-ends.ts"
import { findStanding } from "../store/queries/find-standing.ts"
import { toClosedRun } from "../store/temporal/closed-run.ts"
import type { ApiServices } from "./dependencies.ts"

interface Wait {
  tenant: string
  instance_id: string
  waitMs: number
  /** Aborts when the caller has gone. */
  signal: AbortSignal
}

/** Returns at the end, when the time is over, or when nobody waits any more: the transaction's row says which. */
export async function waitForEnd(services: ApiServices, { waitMs, signal, ...key }: Wait): Promise<void> {
  const deadline = performance.now() + waitMs
  const subscription = await services.events.subscribe(key)
  const leave = (): void => subscription.leave()
  signal.addEventListener("abort", leave, { once: true })
  try {
    if (signal.aborted) return
    const look = createEndLook(services, key)
    while (!subscription.isOver()) {
      const { isFinal, againMs } = await look()
      const leftMs = deadline - performance.now()
      if (isFinal || leftMs <= 0) return
      await subscription.next(Math.min(leftMs, againMs))
    }
  } finally {
    signal.removeEventListener("abort", leave)
    leave()
  }
}

export interface EndLook {
  isFinal: boolean
  /** When to look again at the latest, if no event comes before. */
  againMs: number
}

const FIRST_CLOSE_MS = 10
const LONGEST_CLOSE_MS = 2_000
/** A Temporal that is away makes nobody wait longer than this beyond what was asked for. */
const DESCRIBE_PATIENCE_MS = 1_000

/**
 * Looks whether a transaction has ended for good. The mirror's end is provisional: the workflow tells it a moment
 * before Temporal accepts it, so Temporal is asked, and asked again a little later. What cannot be settled so (a
 * run that was reset, a Temporal that is away) the sweeper settles.
 */
export function createEndLook(
  services: ApiServices,
  key: { tenant: string; instance_id: string },
): () => Promise<EndLook> {
  let closeMs = FIRST_CLOSE_MS
  return async () => {
    const standing = await findStanding(services.pool, key)
    if (standing === undefined || !isEndStatus(standing.status)) {
      closeMs = FIRST_CLOSE_MS
      return { isFinal: false, againMs: LONGEST_CLOSE_MS }
    }
    if (standing.is_confirmed || (await confirmClosed(services, standing.workflow_id))) {
      return { isFinal: true, againMs: 0 }
    }
    closeMs = Math.min(closeMs * 2, LONGEST_CLOSE_MS)
    return { isFinal: false, againMs: closeMs }
  }
}

async function confirmClosed({ pool, client, logger }: ApiServices, workflowId: string): Promise<boolean> {
  try {
    const describe = () => client.workflow.getHandle(workflowId).describe()
    const run = toClosedRun(await client.withDeadline(Date.now() + DESCRIBE_PATIENCE_MS, describe))
    return run !== undefined && (await confirmEnds(pool, [run])).size > 0
  } catch (thrown) {
    logger.debug({ error: toError(thrown).message }, "whether a run is closed could not be seen")
    return false
  }
}

/** Temporal closes a run within moments of the end that its workflow told. */
const CLOSE_PATIENCE_MS = 1_000

/** Whether it has ended without success, for good: then another one may do its work. Waits only for a run's close. */
export async function hasGivenUp(
  services: ApiServices,
  key: { tenant: string; instance_id: string },
): Promise<boolean> {
  const deadline = performance.now() + CLOSE_PATIENCE_MS
  const look = createEndLook(services, key)
  for (;;) {
    const { isFinal, againMs } = await look()
    const standing = await findStanding(services.pool, key)
    const hasFailed = standing !== undefined && isEndStatus(standing.status) && standing.status !== "success"
    if (isFinal || !hasFailed) return hasFailed
    if (performance.now() + againMs > deadline) return false
    await sleep(againMs)
  }
}
