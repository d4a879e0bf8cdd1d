/** What the API is given. Everything below `main.ts` takes values. */
import type { Client } from "@temporalio/client"
import type { Pool } from "pg"
import type { AddressPolicy } from "../contract/addresses.ts"
import type { Connection, ConnectionTest } from "../contract/connections.ts"
import type { RetryDefaults } from "../flow/retry.ts"
import type { ProposableAction } from "../contract/statuses.ts"
import type { Mask } from "../masking/mask.ts"
import type { Dispatcher } from "../store/dispatch.ts"
import type { EventWatch } from "../store/events/event-watch.ts"
import type { Logger } from "../store/logger.ts"
import type { MirrorStats } from "../store/mirror/writer.ts"
import type { MasterKeys } from "../store/secrets/master-keys.ts"
import type { Authenticate } from "./authenticate.ts"
import type { FlowVersions } from "./flow-versions.ts"
import type { Scope } from "./scopes.ts"
import type { Turns } from "./turns.ts"

/** `off` is for loopback only: `startApi` refuses it on any other address. */
export type AuthMode = { mode: "off" } | { mode: "keys" }

export interface ApiDependencies {
  pool: Pool
  client: Client
  dispatcher: Dispatcher
  /** Notices what is told of transactions. Whoever made it closes it, before the server is stopped. */
  events: EventWatch
  /** Those of the file: they belong to the default tenant, and win over stored ones. */
  connections: readonly Connection[]
  /** Names of the file's secrets, which win too. */
  fileSecrets?: readonly string[]
  /** Absent: secrets can be neither stored nor read. */
  masterKeys?: MasterKeys | undefined
  /** Knows the secrets that this process has read: they are kept out of the audit trail. */
  mask?: Pick<Mask, "text" | "values"> | undefined
  /** Tries a connection from where the calls are made. Absent where no worker is. */
  testConnection?: (tenant: string, name: string) => Promise<ConnectionTest>
  /** For tasks that do not say; the flow language's own unless given. */
  retryDefaults?: RetryDefaults
  auth: AuthMode
  /** Actions that wait for a second person; none unless given. */
  fourEyes?: readonly ProposableAction[] | undefined
  logger: Logger
  version: string
  /** Of this process's mirror writer. */
  mirrorStats: () => MirrorStats
  /** Checks of this process beside Postgres and Temporal, for `/readyz`. */
  readiness?: () => Promise<Record<string, boolean>>
  /** What calls may reach, as the task-workers have it. */
  addressPolicy: AddressPolicy
}

/** What handlers see: the above, and what the app built from it. */
export interface ApiServices extends ApiDependencies {
  authenticate: Authenticate
  flowVersions: FlowVersions
  /** Of decisions, by workflow id. */
  decisionTurns: Turns
}

/** Who is calling. The tenant comes from the credential and from nowhere else. */
export interface Identity {
  tenant: string
  /** Recorded as the actor of what this request does: the key's name, or `local`. */
  actor: string
  /** The key's role; none for a key with scopes of its own. */
  roles: readonly string[]
  scopes: ReadonlySet<Scope>
}

export interface ApiEnv {
  Variables: {
    requestId: string
    /** Absent on public routes. */
    identity: Identity
    /** Present once a JSON body was read and found acceptable. */
    body: unknown
  }
}
