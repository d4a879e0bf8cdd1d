import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowStartOptions,
} from "@temporalio/client"
import type { Pool } from "pg"
import type { Decision } from "../contract/messages.ts"
import { createPlanCache } from "./dispatch/plan-cache.ts"
import { type ResumeAnswer, resumeTransaction } from "./dispatch/resume.ts"
import { toStartArguments, toStartOptions } from "./dispatch/start-options.ts"
import { startUnderUsedId } from "./dispatch/used-id.ts"
import type { Logger } from "./logger.ts"
import { findStart, type TransactionStart } from "./queries/find-start.ts"
import { markDispatched } from "./queries/mark-dispatched.ts"
import { findGrpcCode } from "./temporal/errors.ts"
import { ensureSearchAttributes } from "./temporal/search-attributes.ts"

export type { ResumeAnswer }
export { WorkflowIdTaken } from "./dispatch/used-id.ts"

export interface DispatcherOptions {
  pool: Pool
  client: Client
  logger: Logger
  /** Ask for the first workflow task with the start's answer: where the client shares its connection with a worker. */
  requestEagerStart?: boolean
}

type DispatchAnswer = "started" | "already_running"

export interface Dispatcher {
  /**
   * Starts an accepted transaction's workflow. Asked twice, it starts once. A closed run of another request, whose
   * row was purged, is not in its way.
   *
   * @throws WorkflowIdTaken when somebody else's workflow has the id, or an open one of another request; Error when
   *   the transaction or its flow version is unknown; the client's error when Temporal did not take it
   *   (`isTemporalAway`): ask again.
   */
  dispatch(tenant: string, instanceId: string): Promise<DispatchAnswer>
  /** The same for a transaction whose row was stored a moment ago and need not be read. */
  dispatchNew(start: TransactionStart): Promise<DispatchAnswer>
  /**
   * Goes on with a `failed` transaction in a new run of the same workflow id, from the snapshot that the closed
   * run answers (a worker must be there), and hands `decision` to it. Outputs and keys are kept. Asked twice with
   * one decision it resumes once, and however many ask, each failed run is resumed once. Not where another
   * transaction stands in its place: that one is answered.
   *
   * @throws as `dispatch`; WorkflowNotFoundError past Temporal's retention.
   */
  resume(tenant: string, instanceId: string, decision: Decision): Promise<ResumeAnswer>
}

/** A start that takes longer is left to the sweeper. */
const START_DEADLINE_MS = 5_000
const INVALID_ARGUMENT = 3

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { pool, client, requestEagerStart = false } = options
  const plans = createPlanCache(pool)
  const starter = createStarter(options)

  const getStart = async (tenant: string, instanceId: string) => {
    const start = await findStart(pool, { tenant, instance_id: instanceId })
    if (!start) throw new Error(`transaction ${instanceId} of tenant ${tenant} is not stored`)
    return start
  }

  const dispatchNew = async (start: TransactionStart): Promise<DispatchAnswer> => {
    const args = toStartArguments(start, await plans.get(start))
    const answer = await client.withDeadline(Date.now() + START_DEADLINE_MS, async () => {
      if ((await starter.start(start, args, "REJECT_DUPLICATE")) !== undefined) return "started"
      const startAgain = () => starter.start(start, args, "ALLOW_DUPLICATE")
      return startUnderUsedId({ pool, client, startAgain }, start)
    })
    // A run that starts eagerly is this process's own: its first rows mark it, and if they are lost, the sweeper does.
    if (answer === "already_running" || !requestEagerStart) await markDispatched(pool, start)
    return answer
  }

  return {
    dispatchNew,
    async dispatch(tenant, instanceId) {
      const start = await getStart(tenant, instanceId)
      return start.is_dispatched ? "already_running" : dispatchNew(start)
    },
    async resume(tenant, instanceId, decision) {
      const start = await getStart(tenant, instanceId)
      const startRun = (args: unknown[]) => starter.start(start, args, "ALLOW_DUPLICATE_FAILED_ONLY")
      return resumeTransaction({ pool, client, startRun }, start, decision)
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
