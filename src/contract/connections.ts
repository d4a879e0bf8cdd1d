/** A named downstream: typed fields, never a URL with options chosen by a flow (design page "connectors"). */
import type { Effect } from "./statuses.ts"

export const CONNECTION_KINDS = ["http", "grpc", "http-rpc", "jsonrpc", "mqtt", "postgres"] as const
export type ConnectionKind = (typeof CONNECTION_KINDS)[number]

/** Picks the reading of a signal where protocols disagree. */
export const PROFILES = ["ietf-idempotency", "dtm", "plain"] as const
export type Profile = (typeof PROFILES)[number]

export interface SecretReference {
  secret: string
}

interface ConnectionBase {
  name: string
  /** Used by tasks of its kind that name no connection. At most one per task kind. */
  default?: boolean | undefined
  effect?: Effect | undefined
}

export interface HttpConnection extends ConnectionBase {
  kind: "http"
  base_url: string
  profile?: Profile | undefined
  headers?: Record<string, string | SecretReference> | undefined
}

export interface RpcOverHttpConnection extends ConnectionBase {
  kind: "http-rpc" | "jsonrpc"
  host: string
  port: number
  tls?: boolean | undefined
  /** `http-rpc` posts to `/rpc` unless this says otherwise; `{method}` in it is replaced. */
  path?: string | undefined
  profile?: Profile | undefined
  headers?: Record<string, string | SecretReference> | undefined
}

export interface GrpcConnection extends ConnectionBase {
  kind: "grpc"
  host: string
  port: number
  tls?: boolean | undefined
  /** PEM text of the authority to trust. */
  ca?: string | undefined
  profile?: Profile | undefined
  metadata?: Record<string, string | SecretReference> | undefined
}

export interface MqttConnection extends ConnectionBase {
  kind: "mqtt"
  host: string
  port: number
  tls?: boolean | undefined
  protocol?: "3.1.1" | "5" | undefined
  username?: string | undefined
  password_secret?: string | undefined
}

export interface PostgresConnection extends ConnectionBase {
  kind: "postgres"
  host: string
  port: number
  database: string
  user: string
  password_secret?: string | undefined
  tls?: boolean | undefined
  pool_size?: number | undefined
}

export type Connection =
  HttpConnection | RpcOverHttpConnection | GrpcConnection | MqttConnection | PostgresConnection

/** Which connection kinds serve which task kind. */
export const CONNECTION_KINDS_OF_TASK = {
  http: ["http"],
  rpc: ["grpc", "http-rpc", "jsonrpc"],
  mq: ["mqtt"],
  db: ["postgres"],
} as const

/** What came of trying a connection: the host was dialled, and where the protocol has one, the login was made. */
export interface ConnectionTest {
  ok: boolean
  /** Of what went wrong; null when nothing did. */
  code: string | null
  message: string
  duration_ms: number
}
