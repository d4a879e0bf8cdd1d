/** The mirror's rows of one transaction, from the histories of its runs. */
import type { ExceptionRow, MirrorChange, View } from "../../contract/rows.ts"
import { emptyNewest, mergeNewest, type Newest, toNewest } from "../../store/mirror/merge.ts"
import { isOlder, toSeq } from "../../store/mirror/order.ts"
import type { RecordedRun } from "./read-runs.ts"
import type { Replayer } from "./replayer.ts"

export interface Derived {
  /** All that the runs told, as they told it; those of one reset together, oldest first. */
  told: MirrorChange[][]
  /** What the current run knows at its end; undefined when none of its workflow tasks was completed. */
  view: View | undefined
}

/** @param runs with those that belong with the current one last. @throws Error when one cannot be replayed. */
export async function derive(replayer: Replayer, workflowId: string, runs: RecordedRun[]): Promise<Derived> {
  const told = new Map<string | undefined, MirrorChange[]>()
  for (const { reset_run, history } of runs) {
    const changes = hasCompletedTask(history) ? await replayer.replay(workflowId, history) : []
    told.set(reset_run, [...(told.get(reset_run) ?? []), ...changes])
  }
  const current = told.get(runs.at(-1)?.reset_run) ?? []
  return { told: [...told.values()], view: toView(fold(current)) }
}

/** Before the first one there is nothing to replay. */
function hasCompletedTask({ events }: RecordedRun["history"]): boolean {
  return events?.some((event) => event.workflowTaskCompletedEventAttributes) ?? false
}

function fold(changes: MirrorChange[]): Newest {
  const newest = emptyNewest()
  for (const change of changes) {
    const { chain, history_length, ordinal } = change
    mergeNewest(newest, toNewest(change, { chain, seq: toSeq(history_length, ordinal) }))
  }
  return newest
}

function toView({ transaction, tasks, exceptions, decisions }: Newest): View | undefined {
  if (!transaction) return undefined
  const { run_id: _, ...row } = transaction.row
  return {
    chain: transaction.chain,
    transaction: row,
    tasks: Array.from(tasks.values(), (task) => task.row),
    exceptions: newestOfEachTask([...exceptions.values()]),
    decisions: [...decisions.values()],
  }
}

type StampedException = Newest["exceptions"] extends Map<string, infer Stamped> ? Stamped : never

/** The workflow knows one record of each task: those of earlier generations it has forgotten. */
function newestOfEachTask(exceptions: StampedException[]): ExceptionRow[] {
  const byTask = new Map<string | null, StampedException>()
  for (const found of exceptions) {
    const known = byTask.get(found.row.task)
    if (!known || isOlder(known, found)) byTask.set(found.row.task, found)
  }
  return Array.from(byTask.values(), ({ row }) => row)
}
