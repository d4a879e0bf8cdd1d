/** What the mirror should show of a transaction, from all that Temporal and a worker can tell now. */
import type { Client } from "@temporalio/client"
import type { View } from "../../contract/rows.ts"
import { isEndStatus } from "../../contract/statuses.ts"
import { exceptionKey } from "../../store/mirror/differences.ts"
import { toHistoryLength, toSeq } from "../../store/mirror/order.ts"
import { type StoredMirror, toView } from "../../store/mirror/read-mirror.ts"
import { findResetRun, readStart } from "../../store/temporal/read-start.ts"
import { EVENTS_AFTER_LAST_ACTIVATION } from "../../store/temporal/closed-run.ts"
import { askView, type Observation, type Run } from "./observe.ts"
import { type Close, settleMissing, settleUnreadable, settleView } from "./settle.ts"

/** What is to be shown, and where it stands in the order; no run id when Temporal knows no run. */
export interface Finding {
  run: Pick<Run, "run_id" | "history_length"> & { ordinal: number }
  reset_run: string | undefined
  view: View
  /**
   * `whole`: all that the workflow knows. `partial`: the rest stays as the mirror has it. `provisional`: partial,
   * and to be looked at again, since only the status is sure.
   */
  extent: "whole" | "partial" | "provisional"
  /** Temporal closed the run, or has forgotten it. */
  over: boolean
}

/** @returns undefined when nobody can say, now. @throws the client's error. */
export async function findOut(
  client: Client,
  stored: StoredMirror,
  observed: Observation,
): Promise<Finding | undefined> {
  if (observed.kind === "between_runs") return undefined
  if (observed.kind === "missing") return findMissing(stored)
  const { run } = observed
  const reset_run = await findLineage(client, stored, run)
  const answer = await askView(client, run)
  const known = { run: { ...run, ordinal: 0 }, reset_run, extent: "whole" } as const
  if (observed.kind === "open")
    return answer.kind === "view" ? { ...known, view: answer.view, over: false } : undefined
  const close = { closing: observed.closing, closed_at: run.closed_at ?? Date.now() }
  if (answer.kind === "view") return { ...known, view: settleView(answer.view, close), over: true }
  const { view, isTold } = readClose(stored, close)
  if (answer.kind === "away") return findProvisional(stored, run, { reset_run, view })
  // This build will never read more: what the run told, or its loss, must do.
  const isEnough = isTold || close.closing.kind === "lost"
  const settled = isEnough ? view : settleUnreadable(view, answer.error.message, close.closed_at)
  return { ...known, extent: "partial", view: settled, over: true }
}

/** The mirror's rows with what the close itself says of them: a failure carries its tasks, without payloads. */
function readClose(stored: StoredMirror, close: Close): { view: View; isTold: boolean } {
  const before = toView(stored)
  const told = close.closing.kind === "ended" ? close.closing.view : undefined
  if (!told) return { view: settleView(before, close), isTold: false }
  const tasks = new Map([...before.tasks, ...told.tasks].map((task) => [task.path, task]))
  const exceptions = new Map(
    [...before.exceptions, ...told.exceptions].map((row) => [exceptionKey(row), row]),
  )
  const view = { ...told, tasks: [...tasks.values()], exceptions: [...exceptions.values()] }
  return { view: settleView(view, close), isTold: true }
}

/** The end as Temporal shows it, at the old place in the order: what a worker will tell later is newer. */
function findProvisional(
  stored: StoredMirror,
  run: Run,
  { reset_run, view }: Pick<Finding, "reset_run" | "view">,
): Finding | undefined {
  const isSameRun = run.run_id === stored.transaction.run_id
  const place = isSameRun ? toPlace(stored) : { history_length: 0, ordinal: 0 }
  // From there on a row with an end is taken for the run's last word.
  if (place.history_length >= run.history_length - EVENTS_AFTER_LAST_ACTIVATION) return undefined
  return { run: { run_id: run.run_id, ...place }, reset_run, view, extent: "provisional", over: true }
}

/** Past Temporal's retention an end is all that anybody will know; an open transaction should be there. */
function findMissing(stored: StoredMirror): Finding {
  const { transaction } = stored
  const over = isEndStatus(transaction.row.status)
  return {
    run: { run_id: transaction.run_id ?? "", ...toPlace(stored) },
    reset_run: transaction.reset_run ?? undefined,
    view: over ? toView(stored) : settleMissing(toView(stored), Date.now()),
    extent: "partial",
    over,
  }
}

function toPlace({ transaction: { seq } }: StoredMirror): { history_length: number; ordinal: number } {
  const history_length = toHistoryLength(seq)
  return { history_length, ordinal: seq - toSeq(history_length, 0) }
}

async function findLineage(
  client: Client,
  { transaction }: StoredMirror,
  run: Run,
): Promise<string | undefined> {
  if (run.run_id === transaction.run_id) return transaction.reset_run ?? undefined
  const start = await readStart(client, { workflowId: run.workflow_id, runId: run.run_id })
  return findResetRun(start, run.run_id)
}
