/** The connectors as Temporal activities. A worker registers `activities` and calls `close` when it has drained. */
import { Context } from "@temporalio/activity"
import type { CallAnswer, CallInput } from "../contract/activities.ts"
import type { ConnectionTest } from "../contract/connections.ts"
import { type EarlyWarning, SIGNAL_EARLY_WARNING } from "../contract/messages.ts"
import type { AttemptRow } from "../contract/rows.ts"
import { TASK_KINDS, type TaskKind } from "../contract/statuses.ts"
import { createMask, type Mask } from "../masking/mask.ts"
import { createAdmissions, type Leave } from "./admission.ts"
import type { OutputStore } from "../store/output-store.ts"
import { type ActivityLogger, runAttempt } from "./attempt.ts"
import type { Connector } from "./call.ts"
import { createDbConnector } from "./db/connector.ts"
import { createHttpConnector } from "./http/connector.ts"
import { createMqConnector } from "./mq/connector.ts"
import type { OutboundGuard } from "./outbound/guard.ts"
import { createHttpClient } from "./outbound/http-client.ts"
import { identifyCall } from "./identity.ts"
import { createPulse } from "./pulse.ts"
import { createRpcConnector } from "./rpc/connector.ts"
import { createSecretStore, type SecretStore } from "./secrets.ts"
import { testConnection } from "./test-connection.ts"
import type { TenantTargets } from "./targets.ts"

export type { ActivityLogger } from "./attempt.ts"
export { installBarrierAt } from "./install-barrier.ts"
export { createOutboundGuard, type OutboundGuard } from "./outbound/guard.ts"
export { createTargets, type TenantTargets } from "./targets.ts"

export interface ActivityDeps {
  /** Refreshed before every attempt: a changed connection gets a new client. The same value for the same tenant. */
  targets: (tenant: string) => TenantTargets
  /** Of the process: learns what the masks of all tenants learn, for log lines. */
  mask?: Mask
  guard: OutboundGuard
  /** Where large outputs are kept, and read again for the calls that take them. */
  outputs: OutputStore
  /** Called once for each attempt. What it throws is logged and changes nothing. */
  recordAttempt: (row: AttemptRow) => void
  logger: ActivityLogger
}

export type CallActivity = (input: CallInput) => Promise<CallAnswer>

export interface Activities {
  /** By activity type, which is the task's kind. Each throws nothing but `ApplicationFailure`. */
  activities: Record<TaskKind, CallActivity>
  /** Tries a tenant's connection without calling anything. Never rejects. */
  testConnection: (tenant: string, name: string) => Promise<ConnectionTest>
  /** Ends every client. Throws an `AggregateError` with what went wrong, after all were tried. */
  close: () => Promise<void>
}

function connectionNameOf({ config }: CallInput): string | undefined {
  const name = config["connection"] ?? config["service"]
  return typeof name === "string" ? name : undefined
}

/** What one tenant's calls share. Tenants share no client: names of connections are their own. */
interface TenantCalls {
  targets: TenantTargets
  secrets: SecretStore
  connectors: Record<TaskKind, Connector>
  admit: ReturnType<typeof createAdmissions>
}

/** A call that names no connection has no limits. */
async function admitTo(
  { targets, admit }: TenantCalls,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Leave> {
  const connection = name === undefined ? undefined : targets.connections.find(name)
  return connection === undefined ? () => undefined : admit(connection, signal)
}

/** To the run that made the call, and no later one. */
async function sendWarning({ client, info }: Context, warning: EarlyWarning): Promise<void> {
  const { workflowId, runId } = info.workflowExecution ?? {}
  if (workflowId === undefined) return
  await client.workflow.getHandle(workflowId, runId).signal(SIGNAL_EARLY_WARNING, warning)
}

export function createActivities(deps: ActivityDeps): Activities {
  const { guard, outputs, recordAttempt, logger } = deps
  const client = createHttpClient(guard)
  const pulse = createPulse()
  const tenants = new Map<string, TenantCalls>()

  const callsOf = (tenant: string): TenantCalls => {
    const known = tenants.get(tenant)
    if (known) return known
    const targets = deps.targets(tenant)
    const { connections } = targets
    const secrets = createSecretStore(targets.secrets, createMask(deps.mask))
    const connectors = {
      http: createHttpConnector({ connections, secrets, guard, client }),
      rpc: createRpcConnector({ connections, secrets, guard, client }),
      mq: createMqConnector({ connections, secrets, guard }),
      db: createDbConnector({ connections, secrets, guard }),
    }
    const calls = { targets, secrets, connectors, admit: createAdmissions() }
    tenants.set(tenant, calls)
    return calls
  }

  const activityOf =
    (kind: TaskKind): CallActivity =>
    (input) => {
      const context = Context.current()
      // Without an identity nothing is called: the frame says so.
      const calls = callsOf(identifyCall(context.info, input)?.tenant ?? "")
      const { targets, secrets, connectors } = calls
      const name = connectionNameOf(input)
      const stamp = () =>
        secrets.stampOf((name === undefined ? undefined : targets.connections.find(name)) ?? {})
      let sentWith = ""
      const frame = {
        kind,
        connector: connectors[kind],
        secrets,
        outputs,
        pulse,
        recordAttempt,
        logger,
        async prepare() {
          await targets.refresh(name)
          sentWith = stamp()
        },
        async renew() {
          await targets.refresh(name, "anew")
          return stamp() !== sentWith
        },
        warn: (warning: EarlyWarning) => sendWarning(context, warning),
        admit: (signal: AbortSignal) => admitTo(calls, name, signal),
      }
      return runAttempt(frame, context, input)
    }
  return {
    activities: {
      http: activityOf("http"),
      rpc: activityOf("rpc"),
      mq: activityOf("mq"),
      db: activityOf("db"),
    },
    testConnection: (tenant, name) => testConnection({ ...callsOf(tenant), guard }, name),
    async close() {
      const ends = await Promise.allSettled([
        ...[...tenants.values()].flatMap(({ connectors }) =>
          TASK_KINDS.map((kind) => connectors[kind].close()),
        ),
        client.close(),
      ])
      const errors = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []))
      if (errors.length > 0) throw new AggregateError(errors, "not every client could be closed")
    },
  }
}
