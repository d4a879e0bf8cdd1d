import {
  ApplicationFailure,
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowStartOptions,
} from "@temporalio/client"
import type { Pool } from "pg"
import { type Decision, QUERY_SNAPSHOT, type StartInput } from "../contract/messages.ts"
import { createPlanCache } from "./dispatch/plan-cache.ts"
import { toStartArguments, toStartOptions } from "./dispatch/start-options.ts"
import type { Logger } from "./logger.ts"
import { findStart, type TransactionStart } from "./queries/find-start.ts"
import { markDispatched } from "./queries/mark-dispatched.ts"
import { reopenTransaction } from "./queries/reopen-transaction.ts"
import { findGrpcCode } from "./temporal/errors.ts"
import { findResetRun, readStart } from "./temporal/read-start.ts"
import { ensureSearchAttributes } from "./temporal/search-attributes.ts"

export interface DispatcherOptions {
  pool: Pool
  client: Client
  logger: Logger
  /** Ask for the first workflow task with the start's answer: where the client shares its connection with a worker. */
  requestEagerStart?: boolean
}

/** `not_failed`: there is nothing to resume. `orchestrator_lost`: the run was terminated or timed out. */
export type ResumeAnswer = "resumed" | "already_running" | "not_failed" | "orchestrator_lost"

type DispatchAnswer = "started" | "already_running"

export interface Dispatcher {
  /**
   * Starts an accepted transaction's workflow. Asked twice, it starts once.
   *
   * @throws WorkflowIdTaken when somebody else's workflow has the id; Error when the transaction or its flow
   *   version is unknown; the client's error when Temporal did not take it (`isTemporalAway`): ask again.
   */
  dispatch(tenant: string, instanceId: string): Promise<DispatchAnswer>
  /** The same for a transaction whose row was stored a moment ago and need not be read. */
  dispatchNew(start: TransactionStart): Promise<DispatchAnswer>
  /**
   * Goes on with a `failed` transaction in a new run of the same workflow id, from the snapshot that the closed
   * run answers (a worker must be there), and hands `decision` to it. Outputs and keys are kept.
   *
   * @throws as `dispatch`; WorkflowNotFoundError past Temporal's retention.
   */
  resume(tenant: string, instanceId: string, decision: Decision): Promise<ResumeAnswer>
}

/** A workflow that Holdfast did not start for this transaction has its workflow id. */
export class WorkflowIdTaken extends Error {
  override readonly name = "WorkflowIdTaken"
}

/** A start that takes longer is left to the sweeper. */
const START_DEADLINE_MS = 5_000
/** A closed run is replayed before it answers. */
const RESUME_DEADLINE_MS = 30_000
const INVALID_ARGUMENT = 3

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { pool, client } = options
  const plans = createPlanCache(pool)
  const starter = createStarter(options)

  const getStart = async (tenant: string, instanceId: string) => {
    const start = await findStart(pool, { tenant, instance_id: instanceId })
    if (!start) throw new Error(`transaction ${instanceId} of tenant ${tenant} is not stored`)
    return start
  }

  const dispatchNew = async (start: TransactionStart): Promise<DispatchAnswer> => {
    const args = toStartArguments(start, await plans.get(start))
    const run = await client.withDeadline(Date.now() + START_DEADLINE_MS, () =>
      starter.start(start, args, "REJECT_DUPLICATE"),
    )
    if (run === undefined) await assertOurs(client, start)
    await markDispatched(pool, start)
    return run === undefined ? "already_running" : "started"
  }

  return {
    dispatchNew,
    async dispatch(tenant, instanceId) {
      const start = await getStart(tenant, instanceId)
      return start.is_dispatched ? "already_running" : dispatchNew(start)
    },
    async resume(tenant, instanceId, decision) {
      const start = await getStart(tenant, instanceId)
      return client.withDeadline(Date.now() + RESUME_DEADLINE_MS, async () => {
        const failed = await findFailedRun(client, start.workflow_id)
        if ("answer" in failed) return failed.answer
        const args = await toResumeArguments(client, start.workflow_id, failed.runId, decision)
        const run = await starter.start(start, args, "ALLOW_DUPLICATE_FAILED_ONLY")
        if (run === undefined) return "already_running"
        await reopenTransaction(pool, {
          tenant,
          instance_id: instanceId,
          failed_run: failed.runId,
          new_run: run,
        })
        return "resumed"
      })
    },
  }
}

/** @returns the new run's id; undefined when the workflow id is in use. */
type StartRun = (
  start: TransactionStart,
  args: unknown[],
  reuse: NonNullable<WorkflowStartOptions["workflowIdReusePolicy"]>,
) => Promise<string | undefined>

function createStarter({ client, logger, requestEagerStart = false }: DispatcherOptions): {
  start: StartRun
} {
  let known: boolean | undefined
  const startOnce = async (...[start, args, reuse]: Parameters<StartRun>) => {
    const handle = await client.workflow.start(start.flow_name, {
      ...toStartOptions(start, { searchAttributes: known === true }),
      args,
      workflowIdReusePolicy: reuse,
      workflowIdConflictPolicy: "FAIL",
      requestEagerStart,
    })
    return handle.firstExecutionRunId
  }
  return {
    async start(...parameters) {
      known ??= await ensureSearchAttributes(client, logger)
      try {
        return await startOnce(...parameters)
      } catch (thrown) {
        if (thrown instanceof WorkflowExecutionAlreadyStartedError) return undefined
        if (!known || findGrpcCode(thrown) !== INVALID_ARGUMENT) throw thrown
        // Registered a moment ago, the attributes are not known to every server yet; or somebody removed them.
        known = false
        try {
          return await startOnce(...parameters)
        } finally {
          known = undefined
        }
      }
    },
  }
}

async function assertOurs(client: Client, start: TransactionStart): Promise<void> {
  const { memo } = await client.workflow.getHandle(start.workflow_id).describe()
  if (memo?.["tenant"] === start.tenant && memo["transaction"] === start.instance_id) return
  throw new WorkflowIdTaken(
    `another workflow has the id ${start.workflow_id}: it was not started by Holdfast, so transaction ${start.instance_id} cannot start`,
  )
}

async function findFailedRun(
  client: Client,
  workflowId: string,
): Promise<{ runId: string } | { answer: ResumeAnswer }> {
  const { runId, status } = await client.workflow.getHandle(workflowId).describe()
  if (status.name === "RUNNING" || status.name === "PAUSED") return { answer: "already_running" }
  if (status.name === "TERMINATED" || status.name === "TIMED_OUT") return { answer: "orchestrator_lost" }
  if (status.name !== "FAILED") return { answer: "not_failed" }
  return (await isFailedByUs(client, workflowId, runId)) ? { runId } : { answer: "not_failed" }
}

/** Temporal's `Failed` is also how a compensated, a force-closed or a malformed run closes. */
async function isFailedByUs(client: Client, workflowId: string, runId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId, runId, { followRuns: false }).result()
    return false
  } catch (thrown) {
    if (!(thrown instanceof WorkflowFailedError)) throw thrown
    return thrown.cause instanceof ApplicationFailure && thrown.cause.type === "failed"
  }
}

/** As a continue-as-new would: the run's own arguments with its snapshot. */
async function toResumeArguments(
  client: Client,
  workflowId: string,
  runId: string,
  decision: Decision,
): Promise<unknown[]> {
  const snapshot = await client.workflow.getHandle(workflowId, runId).query<Uint8Array>(QUERY_SNAPSHOT)
  const begun = await readStart(client, { workflowId, runId })
  const [input, packedPlan] = begun.args
  const resetRun = findResetRun(begun, runId)
  const resumed = {
    // The run ended as `failed`, which only runs with a proper start input do.
    ...(input as StartInput),
    resume: decision,
    ...(resetRun === undefined ? {} : { reset_run: resetRun }),
  } satisfies StartInput
  return [resumed, packedPlan, snapshot]
}
