/**
 * One message to JetStream, and its reply. The address for the server's word is the library's; the one for a
 * consumer's reply goes along as the header `reply-to`, since a stream's consumers see their own acknowledgement
 * address as the message's.
 */
import type { Msg, NatsConnection as Nats } from "@nats-io/transport-node"
import type { PubAck } from "@nats-io/jetstream"
import { toError } from "../../../contract/errors.ts"
import { abortable } from "../../abortable.ts"
import { AttemptAborted } from "../../call.ts"
import type { Reply, SendEnd, Sending } from "../driver.ts"
import { classifyJetStream } from "./classify.ts"
import type { NatsMessage } from "./message.ts"

export interface NatsClient {
  connection: Nats
  transport: typeof import("@nats-io/transport-node")
  jetstream: typeof import("@nats-io/jetstream")
}

export interface OpenLink {
  client: NatsClient | undefined
  /** Told when the link breaks. */
  waiting: Set<(error: Error) => void>
  findBreak: () => Error | undefined
}

/** A server that says nothing for so long is given up. */
const ACK_TIMEOUT_MS = 60_000
const READ_BACK_TIMEOUT_MS = 5_000

export function sendOver(link: OpenLink, message: NatsMessage, signal: AbortSignal): Sending {
  const { client } = link
  const broken = link.findBreak()
  if (client === undefined || broken !== undefined) {
    const lost = unsent("connection_lost", broken?.message ?? "not connected to the server")
    return { sent: Promise.resolve(lost), stop: () => undefined }
  }
  if (!message.wantsReply)
    return { sent: publish(client, { message, headers: message.headers }, signal), stop: () => undefined }
  const inbox = client.transport.createInbox()
  const { reply, stop } = listenForReply({ client, waiting: link.waiting }, { inbox, key: message.key })
  const headers = { ...message.headers, "reply-to": inbox }
  return { sent: publish(client, { message, headers }, signal), reply, stop }
}

function listenForReply(
  { client, waiting }: { client: NatsClient; waiting: OpenLink["waiting"] },
  { inbox, key }: { inbox: string; key: string },
): { reply: Promise<Reply>; stop: () => void } {
  let stop = (): void => undefined
  const reply = new Promise<Reply>((resolve, reject) => {
    const subscription = client.connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error) return reject(error)
        const { headers } = message
        const answered = headers?.get("correlation-id", client.transport.Match.IgnoreCase) ?? ""
        if (answered === "" || answered === key) resolve(toReply(message))
      },
    })
    waiting.add(reject)
    stop = () => {
      waiting.delete(reject)
      subscription.unsubscribe()
    }
  })
  // Whoever waits for it is told; the publish may fail first.
  reply.catch(() => undefined)
  return { reply, stop }
}

function toReply({ headers, data }: Msg): Reply {
  const texts = [...(headers ?? [])].map(([name, values]): [string, string] => [
    name.toLowerCase(),
    values.join(","),
  ])
  const fields = Object.fromEntries(texts)
  return { headers: fields, contentType: fields["content-type"], body: data }
}

async function publish(
  { connection, transport, jetstream }: NatsClient,
  { message, headers }: { message: NatsMessage; headers: Record<string, string> },
  signal: AbortSignal,
): Promise<SendEnd> {
  const { topic, payload, key, stream } = message
  const written = transport.headers()
  for (const [name, value] of Object.entries(headers)) written.set(name, value)
  try {
    const published = jetstream.jetstream(connection).publish(topic, payload, {
      msgID: key,
      headers: written,
      timeout: ACK_TIMEOUT_MS,
      ...(stream === undefined ? {} : { expect: { streamName: stream } }),
    })
    const ack = await abortable(published, signal)
    const { seq, duplicate } = ack
    const isAck = typeof ack.stream === "string" && ack.stream !== "" && Number.isSafeInteger(seq)
    if (!isAck) return unknown("NATS_ACK_INVALID", "the answer is no acknowledgement of a stream")
    const response = { stream: ack.stream, sequence: seq, duplicate }
    if (!duplicate) return { ended: "taken", response }
    const finding = await compareStored({ connection, jetstream }, ack, message)
    return { ...finding, response }
  } catch (thrown) {
    return toUnacknowledged(toError(thrown))
  }
}

/** The stream drops a repeat by its id alone, whatever its body: what it has must be what was meant. */
async function compareStored(
  { connection, jetstream }: Pick<NatsClient, "connection" | "jetstream">,
  { stream, seq }: Pick<PubAck, "stream" | "seq">,
  { fingerprint }: NatsMessage,
): Promise<SendEnd> {
  try {
    const options = { checkAPI: false, timeout: READ_BACK_TIMEOUT_MS }
    const manager = await jetstream.jetstreamManager(connection, options)
    const stored = await manager.streams.getMessage(stream, { seq })
    const found = stored?.header.get("ce-holdfastfingerprint") ?? ""
    if (found === fingerprint) return { ended: "taken", note: "replayed" }
    if (found !== "") {
      const message = "the stream holds another message under this key: its input was another one"
      return { ended: "failed", class: "misconfigured", code: "key_reused", message, left: "unknown" }
    }
  } catch {
    // No permission to read, or the message is gone: the stream's own word counts.
  }
  return { ended: "taken", note: "replayed; the stored message could not be read to compare it" }
}

function toUnacknowledged(error: Error): SendEnd {
  if (error instanceof AttemptAborted) return unknown(error.code, `no acknowledgement: ${error.message}`)
  const refused = causeNamed(error, "JetStreamApiError", "StreamNotFoundError")
  if (refused !== undefined && "code" in refused && typeof refused.code === "number") {
    const found = classifyJetStream(refused.code, refused.message)
    return failed(found, `JETSTREAM_${refused.code}`, `the server refused the message: ${refused.message}`)
  }
  if (causeNamed(error, "NoResponders"))
    return failed(
      "misconfigured",
      "NATS_NO_RESPONDERS",
      "no stream holds the subject, or JetStream is not enabled",
    )
  const denied = causeNamed(error, "PermissionViolationError")
  if (denied !== undefined && "operation" in denied && denied.operation === "publish")
    return failed("misconfigured", "NATS_PERMISSION", denied.message)
  if (error.name === "InvalidArgumentError")
    return failed("misconfigured", "payload_too_large", `the message was not sent: ${error.message}`)
  if (error.name === "TimeoutError")
    return unknown("ack_timeout", `no acknowledgement within ${ACK_TIMEOUT_MS} ms`)
  if (error instanceof SyntaxError)
    return unknown("NATS_ACK_INVALID", "the answer is no acknowledgement of a stream")
  return unknown("connection_lost", `no acknowledgement: ${error.message}`)
}

/** The error or one of its causes. By name, since another copy of the library has other classes. */
export function causeNamed(error: Error, ...names: string[]): Error | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (names.includes(at.name)) return at
  return undefined
}

function unknown(code: string, message: string): SendEnd {
  return failed("unknown", code, message)
}

function unsent(code: string, message: string): SendEnd {
  return failed("not_executed", code, message)
}

function failed(
  found: Extract<SendEnd, { ended: "failed" }>["class"],
  code: string,
  message: string,
): SendEnd {
  return { ended: "failed", class: found, code, message }
}
