import { Metadata, type ServiceError } from "@grpc/grpc-js"
import type { GrpcConnection } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import { AttemptAborted, type CallRequest, type Evidence, Misconfigured, type Verdict } from "../call.ts"
import { type ClientPool, createClientPool } from "../client-pool.ts"
import { mergeHeaders } from "../header-fields.ts"
import { identityHeaders, keyHeaders } from "../identity-headers.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import { MAX_REPLY_BYTES } from "../outbound/http-client.ts"
import { classifyTransport } from "../outbound/transport-error.ts"
import type { SecretStore } from "../secrets.ts"
import { classifyGrpc, type GrpcStatus, grpcStatusOf } from "./classify-grpc.ts"
import type { ServiceDescriptors } from "./descriptors.ts"
import { callUnary, type UnaryEnd } from "./grpc-call.ts"
import { type ChannelUse, createGrpcChannel, type GrpcChannel } from "./grpc-channel.ts"
import { decodeReply, encodeRequest, findMethod, type MethodName, parseMethodName } from "./grpc-message.ts"
import { findPushbackMs } from "./pushback.ts"

/** The server is told to stop a little before the attempt ends, so that its word still arrives. */
const MAX_DEADLINE_MARGIN_MS = 100

export interface GrpcConnector {
  call(request: CallRequest, connection: GrpcConnection): Promise<Verdict>
  close(): Promise<void>
}

interface Trip {
  request: CallRequest
  connection: GrpcConnection
  channel: GrpcChannel
  use: ChannelUse
  name: MethodName
}

/**
 * gRPC calls from JSON. Config: `service` (the connection), `method` (`package.Service/Method`, unary); the input
 * is the request message. Output: the reply message, proto field names, 64-bit integers as text. Descriptors are
 * the connection's, or come by server reflection, once for a connection and service; their hash is in the attempt
 * row. Every call has a deadline; key, trace and identity travel as metadata. A channel that does not become ready
 * is `not_executed`, since no call was begun; after that the status decides, also where the reply cannot be read
 * (design 5; transactions reference, 6.3). Codes: `GRPC_<STATUS>`, those of Node for failed dials, `grpc_*`,
 * `request_invalid`, `response_unreadable`, `response_too_large` (a server that refuses for lack of room does so
 * before its reply begins; one that has begun is cut by our own limit), `address_blocked`, `header_invalid`,
 * `secret_missing`.
 */
export function createGrpcConnector(guard: OutboundGuard, secrets: SecretStore): GrpcConnector {
  const channels = createClientPool(
    (connection: GrpcConnection) => createGrpcChannel(connection, guard, secrets),
    (channel) => channel.close(),
    // Metadata is read for each call.
    ({ key_secret }) => secrets.stampOf({ key_secret }),
  )
  return {
    async call(request, connection) {
      const name = parseMethodName(request.config["method"])
      const use = {
        metadata: toMetadata(request, connection, secrets),
        deadline: Date.now() + request.budgetMs - Math.min(MAX_DEADLINE_MARGIN_MS, request.budgetMs / 10),
        signal: request.signal,
      }
      return travel(channels, { request, connection, channel: channels.get(connection), use, name })
    },
    close: () => channels.close(),
  }
}

async function travel(channels: ClientPool<GrpcConnection, GrpcChannel>, trip: Trip): Promise<Verdict> {
  const { channel, use, name } = trip
  let prepared: Prepared
  try {
    prepared = await prepare(trip)
  } catch (thrown) {
    const verdict = toUnbegun(thrown, trip)
    if (verdict.class === "not_executed") await channels.drop(channel)
    return verdict
  }
  const { client, message } = prepared
  const end = await callUnary(client, { ...use, path: `/${name.service}/${name.method}`, message })
  const verdict = toVerdict(end, trip, prepared)
  // The server may have moved, or be another build whose descriptors differ.
  if ("error" in end && /^GRPC_(UNAVAILABLE|UNIMPLEMENTED)$/.test(codeOf(verdict)))
    await channels.drop(channel)
  return verdict
}

interface Prepared {
  client: Awaited<ReturnType<GrpcChannel["ready"]>>
  descriptors: ServiceDescriptors
  method: ReturnType<typeof findMethod>
  message: Buffer
}

/** Descriptors that were read before may be older than the server: a misfit is judged by fresh ones. */
async function prepare({ channel, use, name, request }: Trip): Promise<Prepared> {
  const client = await channel.ready(use)
  const fit = (descriptors: ServiceDescriptors): Prepared => {
    const method = findMethod(descriptors, name)
    return { client, descriptors, method, message: encodeRequest(descriptors, method, request.input) }
  }
  const descriptors = await channel.descriptors(name.service, use)
  try {
    return fit(descriptors)
  } catch (thrown) {
    const fresh = await channel.descriptors(name.service, use, "refresh")
    if (fresh.hash === descriptors.hash) throw thrown
    return fit(fresh)
  }
}

/** Nothing of the call itself was sent: only the connection and the reflection can have failed. */
function toUnbegun(thrown: unknown, trip: Trip): Verdict {
  const error = toError(thrown)
  const evidence = requestEvidence(trip)
  if (error instanceof Misconfigured)
    return { class: "misconfigured", code: error.code, message: error.message, evidence }
  if (isServiceError(error)) {
    const status = grpcStatusOf(error.code)
    const message = `reflection of ${trip.name.service} ended with ${status}: ${error.details}`
    const denied = status === "UNAUTHENTICATED" || status === "PERMISSION_DENIED"
    return { class: denied ? "misconfigured" : "not_executed", code: `GRPC_${status}`, message, evidence }
  }
  const finding = classifyTransport(error, false)
  const { host, port } = trip.connection
  // What is wrong with a certificate says nothing of whose it is.
  const place = finding.class === "misconfigured" ? `TLS with ${host}:${port}: ` : ""
  return { ...finding, message: `${place}${error.message}`, evidence }
}

function toVerdict(end: UnaryEnd, trip: Trip, { descriptors, method, message }: Prepared): Verdict {
  const { connection, name, request } = trip
  const evidence: Evidence = {
    ...requestEvidence(trip, descriptors),
    peer: end.peer,
    bytesSent: message.length,
    bytesReceived: "reply" in end ? end.reply.length : 0,
  }
  if ("reply" in end) {
    try {
      const output = decodeReply(descriptors, method, end.reply)
      return { class: "done", output, evidence: { ...evidence, response: { status: "OK", message: output } } }
    } catch (thrown) {
      // The status is OK and the reply came whole: no repeat would bring another one.
      const why = `the call was executed, but its reply does not fit ${method.output.typeName}: ${toError(thrown).message}`
      return { class: "misconfigured", code: "response_unreadable", message: why, left: "executed", evidence }
    }
  }
  const { error } = end
  if (!isServiceError(error)) {
    const code = error instanceof AttemptAborted ? error.code : "internal_error"
    return { class: "unknown", code, message: error.message, evidence }
  }
  const status = failureStatusOf(error)
  if (status === "RESOURCE_EXHAUSTED" && end.replying && !wasReset(error)) {
    const why = `the reply of ${name.service}/${name.method} is larger than ${MAX_REPLY_BYTES} bytes: its result is lost, and how the call ended with it (${error.details})`
    return { class: "misconfigured", code: "response_too_large", message: why, left: "unknown", evidence }
  }
  const retryAfterMs = findPushbackMs(error.metadata)
  const { profile = "plain" } = connection
  return {
    class: classifyGrpc({ status, profile, hasPushback: retryAfterMs !== undefined }),
    code: `GRPC_${status}`,
    message: `${name.service}/${name.method} (attempt ${request.identity.attempt}) answered ${status}: ${error.details}`,
    retryAfterMs,
    deniesCredentials: status === "UNAUTHENTICATED",
    evidence: { ...evidence, response: { status, details: error.details } },
  }
}

/** The server ended the stream; the library gives such an end a status of its own making. */
function wasReset(error: ServiceError): boolean {
  return "rstCode" in error && typeof error.rstCode === "number"
}

function failureStatusOf(error: ServiceError): Exclude<GrpcStatus, "OK"> {
  const status = grpcStatusOf(error.code)
  return status === "OK" ? "UNKNOWN" : status
}

function requestEvidence(
  { request, connection, use, name }: Trip,
  descriptors?: ServiceDescriptors,
): Evidence {
  return {
    request: {
      target: `${connection.host}:${connection.port}`,
      method: `${name.service}/${name.method}`,
      metadata: use.metadata.getMap(),
      message: request.input ?? {},
      descriptors: descriptors?.hash ?? null,
    },
  }
}

function toMetadata(request: CallRequest, connection: GrpcConnection, secrets: SecretStore): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(
    mergeHeaders(secrets, connection.metadata, { ...keyHeaders(request), ...identityHeaders(request) }),
  )) {
    if (
      name.startsWith("grpc-") ||
      name.endsWith("-bin") ||
      !/^[\x20-\x7e]*$/.test(value) ||
      !/^[a-z0-9_.-]+$/.test(name)
    )
      throw new Misconfigured(
        "header_invalid",
        `the connection's metadata ${name} cannot be sent: printable ASCII only, no grpc- and no -bin`,
      )
    metadata.set(name, value)
  }
  return metadata
}

function isServiceError(error: Error): error is ServiceError {
  return "code" in error && typeof error.code === "number" && "details" in error && "metadata" in error
}

function codeOf(verdict: Verdict): string {
  return verdict.class === "done" ? "" : verdict.code
}
