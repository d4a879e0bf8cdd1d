/**
 * The channel of one gRPC connection: dialled to checked addresses, proven ready before a call is begun, with the
 * descriptors that the connection brings, or else were reflected over it. No retries, no proxy, no configuration
 * from outside.
 */
import { type ChannelOptions, Client, connectivityState, credentials } from "@grpc/grpc-js"
import type { Metadata } from "@grpc/grpc-js"
import { parseDescriptorSet } from "../../connection/descriptor-set.ts"
import type { GrpcConnection } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import { abortable } from "../abortable.ts"
import { Misconfigured } from "../call.ts"
import { dialOnce } from "../outbound/dial.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import { MAX_REPLY_BYTES } from "../outbound/http-client.ts"
import { serverNameOf, type TlsOptions, toTlsOptions } from "../outbound/tls-options.ts"
import type { SecretStore } from "../secrets.ts"
import { buildDescriptors, type ServiceDescriptors } from "./descriptors.ts"
import { reflectService } from "./reflection.ts"

const MAX_CONNECT_MS = 10_000
const ABANDONED_BACKOFF_MS = 10 * 60_000
export interface ChannelUse {
  metadata: Metadata
  /** Milliseconds since the epoch. */
  deadline: number
  signal: AbortSignal
}

export interface GrpcChannel {
  /** Throws the reason when the server cannot be reached: then no call has been begun. */
  ready(use: Pick<ChannelUse, "deadline" | "signal">): Promise<Client>
  /** Of a service; the connection's own, else reflected once. `refresh` reflects again. */
  descriptors(service: string, use: ChannelUse, mode?: "cached" | "refresh"): Promise<ServiceDescriptors>
  close(): Promise<void>
}

/** Throws `Misconfigured`: `grpc_descriptors_invalid`, and as `toTlsOptions` does. */
export function createGrpcChannel(
  connection: GrpcConnection,
  guard: OutboundGuard,
  secrets: SecretStore,
): GrpcChannel {
  const tls = connection.tls === true ? toTlsOptions(connection, secrets) : undefined
  const uploaded = readUploaded(connection)
  const known = new Map<string, ServiceDescriptors>()
  let opening: Promise<Client> | undefined

  const open = (deadline: number): Promise<Client> => {
    const opened = openClient({ connection, tls }, guard, deadline)
    opening = opened
    opened.catch(() => {
      if (opening === opened) opening = undefined
    })
    return opened
  }

  const ready: GrpcChannel["ready"] = async ({ deadline, signal }) => {
    const connectBy = Math.min(Date.now() + MAX_CONNECT_MS, (Date.now() + deadline) / 2)
    const current = opening ?? open(connectBy)
    const client = await abortable(current, signal)
    if (client.getChannel().getConnectivityState(false) === connectivityState.READY) return client
    // The server went away since. Its name is resolved and checked anew; calls on their way still end.
    client.close()
    return abortable(opening === current || opening === undefined ? open(connectBy) : opening, signal)
  }

  return {
    ready,
    async descriptors(service, use, mode = "cached") {
      const cached = uploaded ?? (mode === "cached" ? known.get(service) : undefined)
      if (cached) return cached
      const files = await reflectService(await ready(use), { service, ...use })
      const descriptors = buildDescriptors(files, service)
      known.set(service, descriptors)
      return descriptors
    },
    async close() {
      // Rejected: then there is nothing to close.
      const client = await opening?.catch(() => undefined)
      client?.close()
    },
  }
}

function readUploaded({ descriptor_set }: GrpcConnection): ServiceDescriptors | undefined {
  if (descriptor_set === undefined) return undefined
  try {
    const { registry, sha256 } = parseDescriptorSet(descriptor_set)
    return { registry, hash: sha256 }
  } catch (thrown) {
    const message = `the connection's descriptor set ${toError(thrown).message}`
    throw new Misconfigured("grpc_descriptors_invalid", message, { cause: thrown })
  }
}

interface Secured {
  connection: GrpcConnection
  tls: TlsOptions | undefined
}

/**
 * A trial connection goes first: it finds the address that answers, and its error says what the channel would keep
 * to itself. @param deadline milliseconds since the epoch.
 */
async function openClient(
  { connection, tls }: Secured,
  guard: OutboundGuard,
  deadline: number,
): Promise<Client> {
  const { host, port } = connection
  const dial = { host, port, ...(tls === undefined ? {} : { tls: { options: tls, protocols: ["h2"] } }) }
  const { address, family } = await dialOnce(guard, dial, Math.max(deadline - Date.now(), 1))
  const target = family === 6 ? `ipv6:[${address}]:${port}` : `ipv4:${address}:${port}`
  const client = new Client(target, credentialsOf(tls), optionsOf(connection))
  if (await becomesReady(client, deadline)) return client
  client.close()
  throw Object.assign(new Error(`${host}:${port} takes connections, but speaks no HTTP/2`), {
    code: "GRPC_UNAVAILABLE",
  })
}

function credentialsOf(tls: TlsOptions | undefined) {
  return tls === undefined
    ? credentials.createInsecure()
    : credentials.createFromSecureContext(tls.secureContext, tls)
}

function optionsOf(connection: GrpcConnection): Partial<ChannelOptions> {
  const { host, port, tls } = connection
  return {
    "grpc.default_authority": `${host}:${port}`,
    ...(tls === true ? { "grpc.ssl_target_name_override": serverNameOf(connection) } : {}),
    // A channel that fails is given up; the library would dial on behind our back, even after its close.
    "grpc.initial_reconnect_backoff_ms": ABANDONED_BACKOFF_MS,
    "grpc.max_reconnect_backoff_ms": ABANDONED_BACKOFF_MS,
    "grpc.enable_channelz": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": MAX_REPLY_BYTES,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
  }
}

/** Never rejects. A failed dial ends it at once: the channel's own back-off is not waited for. */
async function becomesReady(client: Client, deadline: number): Promise<boolean> {
  const channel = client.getChannel()
  for (;;) {
    const state = channel.getConnectivityState(true)
    if (state === connectivityState.READY) return true
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) return false
    const inTime = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadline, (error) => resolve(error === undefined))
    })
    if (!inTime) return false
  }
}
