/** All runs of one transaction with their histories, as Temporal still has them. */
import type { Client } from "@temporalio/client"
import type { StartInput } from "../../contract/messages.ts"
import { listRuns } from "../../store/temporal/list-runs.ts"
import { findIdentity, findResetRun, type RunStart, toRunStart } from "../../store/temporal/read-start.ts"

export type History = Awaited<ReturnType<ReturnType<Client["workflow"]["getHandle"]>["fetchHistory"]>>

export interface RecordedRun {
  run_id: string
  /** The reset run that it is or descends from: runs with the same one follow each other, none branches off. */
  reset_run: string | undefined
  start: RunStart
  /** Ready to be replayed. */
  history: History
  /** Id of its last event. */
  history_length: number
}

const PAGE = 100

/**
 * @param current the run that Temporal calls the current one.
 * @returns the runs by start, but those that belong with the current one last.
 * @throws the client's errors.
 */
export async function readRuns(
  client: Client,
  { workflowId, current }: { workflowId: string; current: string },
): Promise<RecordedRun[]> {
  const newest = await readRun(client, workflowId, current)
  if (!hasOthers(newest)) return [newest]
  const others: (RecordedRun & { began: number })[] = []
  for await (const page of listRuns(client, { query: `WorkflowId = ${quote(workflowId)}`, pageSize: PAGE }))
    for (const { runId, startTime } of page)
      if (runId !== current) {
        const run = await readRun(client, workflowId, runId)
        if (isOfOneRequest(run, newest)) others.push({ ...run, began: startTime.getTime() })
      }
  const isOfCurrent = (run: RecordedRun) => (run.reset_run === newest.reset_run ? 1 : 0)
  others.sort((one, other) => isOfCurrent(one) - isOfCurrent(other) || one.began - other.began)
  return [...others, newest]
}

/** A run that neither continues, resumes nor resets another is the only one of its transaction. */
function hasOthers(run: RecordedRun): boolean {
  return !isFirst(run) || run.reset_run !== undefined
}

/** Not so of one that continues or resumes another. */
export function isFirst({ start }: RecordedRun): boolean {
  return start.args.length <= MOST_FIRST_ARGUMENTS
}

/** After a purge another request may have come to have the id; runs of one request hand their input on. */
function isOfOneRequest(one: RecordedRun, other: RecordedRun): boolean {
  const [mine, others] = [findIdentity(one.start), findIdentity(other.start)]
  return (
    mine?.plan_hash === others?.plan_hash && JSON.stringify(mine?.params) === JSON.stringify(others?.params)
  )
}

/** Start input and plan; a third argument is the memory of an earlier run. */
const MOST_FIRST_ARGUMENTS = 2

async function readRun(client: Client, workflowId: string, runId: string): Promise<RecordedRun> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory()
  const events = history.events ?? []
  // Begun and not completed: nothing is known of that workflow task yet.
  if (events.at(-1)?.workflowTaskStartedEventAttributes) events.pop()
  const start = await toRunStart(client, { workflowId, runId }, events[0])
  const reset_run = findResetRun(start, runId)
  if (start.original_run_id !== runId)
    passAsReset(client, { runId, original: start.original_run_id }, history)
  return {
    run_id: runId,
    reset_run,
    start,
    history,
    history_length: events.length,
  }
}

/**
 * A replay gives every run its original run id, so one that was reset would not notice it: its rows would be those
 * of the run that the reset abandoned, and the engine would know of unsafe calls what only that run knew. So it is
 * told in its start input, as its descendants are.
 */
function passAsReset(
  client: Client,
  { runId, original }: { runId: string; original: string },
  { events }: History,
): void {
  const started = events?.[0]?.workflowExecutionStartedEventAttributes
  const [first, ...rest] = started?.input?.payloads ?? []
  if (!started || !first) return
  const { payloadConverter } = client.options.loadedDataConverter
  // Checked when it was read as a start input; a run of somebody else replays to nothing.
  const input = payloadConverter.fromPayload<StartInput>(first)
  const told: StartInput = { ...input, reset_run: runId, original_run: original }
  started.originalExecutionRunId = runId
  started.input = { payloads: [payloadConverter.toPayload(told), ...rest] }
}

/** As text of a visibility query. */
function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`
}
