/**
 * One connection to one broker. Never repaired: what breaks is reported as broken, and the pool makes another.
 * The client library neither reconnects nor republishes, since a message that it sends again behind our back
 * would be an effect that no attempt knows of.
 */
import { randomBytes } from "node:crypto"
import { connect as connectTls } from "node:tls"
import type { Duplex } from "node:stream"
import { type IClientOptions, MqttClient } from "mqtt"
import type { MqttConnection } from "../../../contract/connections.ts"
import { toError } from "../../../contract/errors.ts"
import { abortable } from "../../abortable.ts"
import { AttemptAborted } from "../../call.ts"
import type { OutboundGuard } from "../../outbound/guard.ts"
import { type TlsOptions, toTlsOptions } from "../../outbound/tls-options.ts"
import type { SecretStore } from "../../secrets.ts"
import {
  BrokerRefused,
  CONNECT_TIMEOUT_MS,
  type LinkDeps,
  type MqLink,
  type Reply,
  type SendEnd,
  type Sending,
} from "../driver.ts"
import {
  classifyConnack,
  classifyPuback,
  classifySuback,
  codeOfReason,
  NO_MATCHING_SUBSCRIBERS,
} from "./classify.ts"
import type { MqttMessage } from "./message.ts"
import { createMqttReplies, type MqttReplies } from "./replies.ts"

const CLOSE_TIMEOUT_MS = 1_000

/** Throws `Misconfigured` when a secret is missing, or does not fit the certificate. */
export function createMqttLink(
  connection: MqttConnection,
  { guard, secrets }: LinkDeps,
): MqLink<MqttMessage> {
  let broken: Error | undefined
  let peer: string | undefined
  const waiting = new Set<(error: Error) => void>()
  const fail = (error: Error): void => {
    broken ??= error
    for (const tell of waiting) tell(broken)
  }
  // Both libraries' errors come here: mqtt keeps those of its stream to itself unless they have a code.
  const tls = connection.tls === true ? toTlsOptions(connection, secrets) : undefined
  const on = { onError: fail, onConnect: (address: string) => (peer = address) }
  const dial = (): Duplex => openStream({ ...connection, tls }, guard, on)
  const options = optionsOf(connection, secrets)
  const client = new MqttClient(dial, options)
  client.on("error", fail)
  client.on("disconnect", ({ reasonCode }) =>
    fail(new Error(`the broker ended the connection: reason ${reasonCode ?? 0}`)),
  )
  client.on("close", () => fail(new Error("the connection to the broker was lost")))
  const opened = new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve())
    waiting.add((error) => reject(toRefusal(error)))
  })
  // Whoever waits for it is told; nobody may be waiting.
  opened.catch(() => undefined)
  const remarks = rememberRemarks(client)
  const replies = createMqttReplies(client, `holdfast/replies/${options.clientId ?? ""}`)
  const open: OpenLink = { client, remarks, waiting, replies, findBreak: () => broken, fail }

  return {
    isBroken: () => broken !== undefined,
    peer: () => peer,
    ready: (signal) => (broken ? Promise.reject(toRefusal(broken)) : abortable(opened, signal)),
    send: (message, signal) =>
      message.correlation === undefined
        ? { sent: publishOnce(open, message, signal), stop: () => undefined }
        : sendRequest(open, message, signal),
    close: () => endClient(client),
  }
}

interface OpenLink {
  client: MqttClient
  remarks: Map<number, number>
  /** Told when the link breaks. */
  waiting: Set<(error: Error) => void>
  replies: MqttReplies
  findBreak: () => Error | undefined
  fail: (error: Error) => void
}

function sendRequest(link: OpenLink, message: MqttMessage, signal: AbortSignal): Sending {
  const { replies, waiting } = link
  let stop = (): void => undefined
  const reply = new Promise<Reply>((resolve, reject) => {
    const forget = replies.expect(message.correlation ?? "", resolve)
    waiting.add(reject)
    stop = () => {
      forget()
      waiting.delete(reject)
    }
  })
  // Whoever waits for it is told; the publish may fail first.
  reply.catch(() => undefined)
  return { sent: publishRequest(link, message, signal), reply, stop }
}

async function publishRequest(link: OpenLink, message: MqttMessage, signal: AbortSignal): Promise<SendEnd> {
  const { topic, listen } = link.replies
  try {
    await abortable(listen(), signal)
  } catch (thrown) {
    return toUnheard(toError(thrown))
  }
  const { options } = message
  const properties = { ...options.properties, responseTopic: topic }
  const end = await publishOnce(link, { ...message, options: { ...options, properties } }, signal)
  if (end.ended === "failed" || end.note === undefined) return end
  const code = codeOfReason("PUBACK", NO_MATCHING_SUBSCRIBERS)
  return { ...end, ended: "failed", class: "not_executed", code, message: "nobody is there to answer" }
}

/** Replies could not be asked for, so nothing was published. */
function toUnheard(error: Error): SendEnd {
  const reason = reasonOfSuback(error)
  const message = `the broker takes no subscription for replies: ${error.message}`
  if (reason !== undefined) {
    const code = codeOfReason("SUBACK", reason)
    return { ended: "failed", class: classifySuback(reason), code, message }
  }
  const code = error instanceof AttemptAborted ? error.code : "connection_lost"
  return { ended: "failed", class: "not_executed", code, message }
}

function reasonOfSuback(error: Error): number | undefined {
  const packet = "packet" in error ? error.packet : undefined
  if (typeof packet !== "object" || packet === null || !("granted" in packet)) return undefined
  const reason: unknown = Array.isArray(packet.granted) ? packet.granted[0] : undefined
  return typeof reason === "number" ? reason : undefined
}

function publishOnce(
  { client, remarks, waiting, findBreak, fail }: OpenLink,
  { topic, payload, options }: MqttMessage,
  signal: AbortSignal,
): Promise<SendEnd> {
  const broken = findBreak()
  if (broken !== undefined || !client.connected) {
    const message = broken?.message ?? "not connected to the broker"
    return Promise.resolve({ ended: "failed", class: "not_executed", code: "connection_lost", message })
  }
  return new Promise((resolve) => {
    let messageId = 0
    const end = (result: SendEnd): void => {
      waiting.delete(onLost)
      signal.removeEventListener("abort", onAbort)
      remarks.delete(messageId)
      resolve(result)
    }
    const onLost = (error: Error): void => end(toLost(error))
    const onAbort = (): void => {
      end(toLost(toError(signal.reason)))
      client.removeOutgoingMessage(messageId)
    }
    waiting.add(onLost)
    signal.addEventListener("abort", onAbort, { once: true })
    try {
      client.publish(topic, payload, options, (error) => {
        const reason = error ? reasonOf(error) : (remarks.get(messageId) ?? 0)
        end(reason === undefined ? toLost(toError(error)) : toAnswered(reason))
      })
    } catch (thrown) {
      // A part of the packet may be written: whatever came after it would be read as the rest.
      client.stream.destroy()
      fail(toError(thrown))
    }
    messageId = client.getLastMessageId()
    if (signal.aborted) onAbort()
  })
}

/** It may have been sent, and no answer came. */
function toLost(error: Error): SendEnd {
  const code = error instanceof AttemptAborted ? error.code : "connection_lost"
  return { ended: "failed", class: "unknown", code, message: `no acknowledgement: ${error.message}` }
}

function toAnswered(reason: number): SendEnd {
  const response = { reason }
  const found = classifyPuback(reason)
  if (found === "done")
    return {
      ended: "taken",
      response,
      ...(reason === NO_MATCHING_SUBSCRIBERS ? { note: "the broker has no matching subscribers" } : {}),
    }
  const code = codeOfReason("PUBACK", reason)
  return { ended: "failed", class: found, code, message: `the broker refused the message: ${code}`, response }
}

/** Reasons of acknowledgements by message id: of an accepted message mqtt does not hand them on. */
function rememberRemarks(client: MqttClient): Map<number, number> {
  const remarks = new Map<number, number>()
  client.on("packetreceive", (packet) => {
    if (packet.cmd === "puback" && packet.reasonCode !== undefined && packet.messageId !== undefined)
      remarks.set(packet.messageId, packet.reasonCode)
  })
  return remarks
}

function endClient(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
    client.end(true, () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function toRefusal(error: Error): Error {
  const reason = reasonOf(error)
  if (reason === undefined) return error
  return new BrokerRefused({ class: classifyConnack(reason), code: codeOfReason("CONNACK", reason) }, error)
}

/** The broker's own code, where the error is its answer. */
function reasonOf(error: Error): number | undefined {
  return "code" in error && typeof error.code === "number" ? error.code : undefined
}

function openStream(
  { host, port, tls }: Pick<MqttConnection, "host" | "port"> & { tls: TlsOptions | undefined },
  guard: OutboundGuard,
  on: { onError: (error: Error) => void; onConnect: (peer: string) => void },
): Duplex {
  const socket = guard.createSocket()
  socket.setNoDelay(true)
  socket.on("error", on.onError)
  socket.on("connect", () => on.onConnect(`${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`))
  socket.connect(port, host)
  if (tls === undefined) return socket
  return connectTls({ socket, ...tls }).on("error", on.onError)
}

function optionsOf(
  { protocol = "5", username, password_secret }: MqttConnection,
  secrets: SecretStore,
): IClientOptions {
  return {
    protocolVersion: protocol === "5" ? 5 : 4,
    protocolId: "MQTT",
    clientId: `holdfast-${randomBytes(8).toString("hex")}`,
    clean: true,
    keepalive: 30,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(username === undefined ? {} : { username }),
    ...(password_secret === undefined ? {} : { password: secrets.read(password_secret) }),
  }
}
