/** The connectors as Temporal activities. A worker registers `activities` and calls `close` when it has drained. */
import { Context } from "@temporalio/activity"
import type { CallAnswer, CallInput } from "../contract/activities.ts"
import type { AttemptRow } from "../contract/rows.ts"
import { TASK_KINDS, type TaskKind } from "../contract/statuses.ts"
import { type ActivityLogger, runAttempt } from "./attempt.ts"
import type { Connector } from "./call.ts"
import type { ConnectionSource } from "./connection-source.ts"
import { createDbConnector } from "./db/connector.ts"
import { createHttpConnector } from "./http/connector.ts"
import { createMqConnector } from "./mq/connector.ts"
import type { OutboundGuard } from "./outbound/guard.ts"
import { createHttpClient } from "./outbound/http-client.ts"
import { createPulse } from "./pulse.ts"
import { createRpcConnector } from "./rpc/connector.ts"
import { createSecretStore } from "./secrets.ts"

export type { ActivityLogger } from "./attempt.ts"
export { installBarrier } from "./barrier/schema.ts"
export type { ConnectionSource } from "./connection-source.ts"
export { createOutboundGuard, type OutboundGuard } from "./outbound/guard.ts"

export interface ActivityDeps {
  /** Asked anew for every attempt: a changed connection gets a new client. */
  connections: ConnectionSource
  secrets: (name: string) => string | undefined
  guard: OutboundGuard
  /** Called once for each attempt. What it throws is logged and changes nothing. */
  recordAttempt: (row: AttemptRow) => void
  logger: ActivityLogger
}

export type CallActivity = (input: CallInput) => Promise<CallAnswer>

export interface Activities {
  /** By activity type, which is the task's kind. Each throws nothing but `ApplicationFailure`. */
  activities: Record<TaskKind, CallActivity>
  /** Ends every client. Throws an `AggregateError` with what went wrong, after all were tried. */
  close: () => Promise<void>
}

export function createActivities(deps: ActivityDeps): Activities {
  const { connections, guard, recordAttempt, logger } = deps
  const secrets = createSecretStore(deps.secrets)
  const client = createHttpClient(guard)
  const pulse = createPulse()
  const connectors: Record<TaskKind, Connector> = {
    http: createHttpConnector({ connections, secrets, client }),
    rpc: createRpcConnector({ connections, secrets, guard, client }),
    mq: createMqConnector({ connections, secrets, guard }),
    db: createDbConnector({ connections, secrets, guard }),
  }
  const activityOf =
    (kind: TaskKind): CallActivity =>
    (input) =>
      runAttempt(
        { kind, connector: connectors[kind], secrets, pulse, recordAttempt, logger },
        Context.current(),
        input,
      )
  return {
    activities: {
      http: activityOf("http"),
      rpc: activityOf("rpc"),
      mq: activityOf("mq"),
      db: activityOf("db"),
    },
    async close() {
      const ends = await Promise.allSettled([
        ...TASK_KINDS.map((kind) => connectors[kind].close()),
        client.close(),
      ])
      const errors = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []))
      if (errors.length > 0) throw new AggregateError(errors, "not every client could be closed")
    },
  }
}
