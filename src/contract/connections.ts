/** A named downstream: typed fields, never a URL with options chosen by a flow (design page "connectors"). */
import type { Effect } from "./statuses.ts"

export const CONNECTION_KINDS = [
  "http",
  "grpc",
  "http-rpc",
  "jsonrpc",
  "mqtt",
  "rabbitmq",
  "nats",
  "postgres",
  "mysql",
] as const
export type ConnectionKind = (typeof CONNECTION_KINDS)[number]

/** Picks the reading of a signal where protocols disagree. */
export const PROFILES = ["ietf-idempotency", "dtm", "plain"] as const
export type Profile = (typeof PROFILES)[number]

export interface SecretReference {
  secret: string
}

/**
 * How a connection over TLS proves the server, and itself. The server's chain and name are always verified, TLS 1.2 is
 * the oldest that is spoken.
 */
export interface TlsSettings {
  /** PEM text of the authorities to trust, in place of those that Node knows. */
  ca?: string | undefined
  /** PEM text of the client's own certificate, and of those between it and its authority. Goes with `key_secret`. */
  cert?: string | undefined
  /** The secret that holds the certificate's private key, as PEM text without a passphrase. */
  key_secret?: string | undefined
  /** The name that the server's certificate must have, where that is not the host. */
  server_name?: string | undefined
}

/** Of one process: each worker counts its own calls. What waits has not been sent. */
export interface ConnectionLimits {
  /** Calls on their way at the same time. Of a database not more than its pool has connections. */
  max_in_flight?: number | undefined
  /** Calls that begin within a second, evenly spaced. May be below 1. */
  per_second?: number | undefined
}

/** Of a database's `pool_size`. */
export const DEFAULT_POOL_SIZE = 10

interface ConnectionBase extends TlsSettings {
  name: string
  /** Used by tasks of its kind that name no connection. At most one per task kind. */
  default?: boolean | undefined
  effect?: Effect | undefined
  limits?: ConnectionLimits | undefined
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
  profile?: Profile | undefined
  metadata?: Record<string, string | SecretReference> | undefined
  /** Base64 of a serialized FileDescriptorSet with all imports. With it the server is asked for no reflection. */
  descriptor_set?: string | undefined
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

/** A task's `topic` is the routing key. */
export interface RabbitmqConnection extends ConnectionBase {
  kind: "rabbitmq"
  host: string
  port: number
  tls?: boolean | undefined
  /** `/` unless this says otherwise. */
  vhost?: string | undefined
  /** The broker's default exchange, whose routing keys are names of queues, unless this names another. */
  exchange?: string | undefined
  username: string
  password_secret: string
}

/** A task's `topic` is the subject; a JetStream stream must hold it. */
export interface NatsConnection extends ConnectionBase {
  kind: "nats"
  host: string
  port: number
  tls?: boolean | undefined
  /** The stream that must take the messages; any that holds the subject unless this names one. */
  stream?: string | undefined
  username?: string | undefined
  password_secret?: string | undefined
  token_secret?: string | undefined
  /** Text of a `.creds` file: a user's JWT and its seed. */
  credentials_secret?: string | undefined
}

/** `mysql` is MariaDB too. */
export interface DbConnection extends ConnectionBase {
  kind: "postgres" | "mysql"
  host: string
  port: number
  database: string
  user: string
  password_secret?: string | undefined
  tls?: boolean | undefined
  pool_size?: number | undefined
}

export type MqConnection = MqttConnection | RabbitmqConnection | NatsConnection

export type Connection = HttpConnection | RpcOverHttpConnection | GrpcConnection | MqConnection | DbConnection

/** Which connection kinds serve which task kind. */
export const CONNECTION_KINDS_OF_TASK = {
  http: ["http"],
  rpc: ["grpc", "http-rpc", "jsonrpc"],
  mq: ["mqtt", "rabbitmq", "nats"],
  db: ["postgres", "mysql"],
} as const

/** What came of trying a connection: the host was dialled, and where the protocol has one, the login was made. */
export interface ConnectionTest {
  ok: boolean
  /** Of what went wrong; null when nothing did. */
  code: string | null
  message: string
  duration_ms: number
}
