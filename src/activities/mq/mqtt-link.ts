/**
 * One connection to one broker. Never repaired: what breaks is reported as broken, and the pool makes another.
 * The client library neither reconnects nor republishes, since a message that it sends again behind our back
 * would be an effect that no attempt knows of.
 */
import { randomBytes } from "node:crypto"
import { connect as connectTls } from "node:tls"
import type { Duplex } from "node:stream"
import { type IClientOptions, MqttClient } from "mqtt"
import type { MqttConnection } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import { abortable } from "../abortable.ts"
import { serverName } from "../outbound/dial.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import type { SecretStore } from "../secrets.ts"
import type { MqttMessage } from "./message.ts"

const CONNACK_TIMEOUT_MS = 10_000
const CLOSE_TIMEOUT_MS = 1_000

export type PublishEnd =
  /** The broker answered; below 0x80 it has the message. */
  | { ended: "answered"; reason: number }
  /** Nothing was sent: the connection was gone before. */
  | { ended: "unsent"; error: Error }
  /** It may have been sent, and no answer came. */
  | { ended: "lost"; error: Error }

export interface MqttLink {
  /** Rejects with what the broker or the network said; then the link is broken. */
  ready(signal: AbortSignal): Promise<void>
  /** Only on a link that is ready. Never rejects. */
  publish(message: MqttMessage, signal: AbortSignal): Promise<PublishEnd>
  isBroken(): boolean
  peer(): string | undefined
  /** Never rejects. */
  close(): Promise<void>
}

/** Throws `Misconfigured` when a secret is missing. */
export function createMqttLink(
  connection: MqttConnection,
  guard: OutboundGuard,
  secrets: SecretStore,
): MqttLink {
  let broken: Error | undefined
  let peer: string | undefined
  const waiting = new Set<(error: Error) => void>()
  const fail = (error: Error): void => {
    broken ??= error
    for (const tell of waiting) tell(broken)
  }
  // Both libraries' errors come here: mqtt keeps those of its stream to itself unless they have a code.
  const dial = (): Duplex =>
    openStream(connection, guard, { onError: fail, onConnect: (address) => (peer = address) })
  const client = new MqttClient(dial, optionsOf(connection, secrets))
  client.on("error", fail)
  client.on("disconnect", ({ reasonCode }) =>
    fail(new Error(`the broker ended the connection: reason ${reasonCode ?? 0}`)),
  )
  client.on("close", () => fail(new Error("the connection to the broker was lost")))
  const opened = new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve())
    waiting.add(reject)
  })
  // Whoever waits for it is told; nobody may be waiting.
  opened.catch(() => undefined)
  const remarks = rememberRemarks(client)

  return {
    isBroken: () => broken !== undefined,
    peer: () => peer,
    ready: (signal) => (broken ? Promise.reject(broken) : abortable(opened, signal)),
    publish: (message, signal) =>
      broken || !client.connected
        ? Promise.resolve({ ended: "unsent", error: broken ?? new Error("not connected to the broker") })
        : publishOnce({ client, remarks, waiting }, message, signal),
    close: () => endClient(client),
  }
}

interface OpenLink {
  client: MqttClient
  remarks: Map<number, number>
  /** Told when the link breaks. */
  waiting: Set<(error: Error) => void>
}

function publishOnce(
  { client, remarks, waiting }: OpenLink,
  { topic, payload, options }: MqttMessage,
  signal: AbortSignal,
): Promise<PublishEnd> {
  return new Promise((resolve) => {
    let messageId = 0
    const end = (result: PublishEnd): void => {
      waiting.delete(onLost)
      signal.removeEventListener("abort", onAbort)
      remarks.delete(messageId)
      resolve(result)
    }
    const onLost = (error: Error): void => end({ ended: "lost", error })
    const onAbort = (): void => {
      end({ ended: "lost", error: toError(signal.reason) })
      client.removeOutgoingMessage(messageId)
    }
    waiting.add(onLost)
    signal.addEventListener("abort", onAbort, { once: true })
    client.publish(topic, payload, options, (error) => {
      const reason = error ? reasonOf(error) : (remarks.get(messageId) ?? 0)
      end(reason === undefined ? { ended: "lost", error: toError(error) } : { ended: "answered", reason })
    })
    messageId = client.getLastMessageId()
    if (signal.aborted) onAbort()
  })
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

/** The broker's own code, where the error is its answer. */
export function reasonOf(error: Error): number | undefined {
  return "code" in error && typeof error.code === "number" ? error.code : undefined
}

function openStream(
  { host, port, tls }: MqttConnection,
  guard: OutboundGuard,
  on: { onError: (error: Error) => void; onConnect: (peer: string) => void },
): Duplex {
  const socket = guard.createSocket()
  socket.setNoDelay(true)
  socket.on("error", on.onError)
  socket.on("connect", () => on.onConnect(`${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`))
  socket.connect(port, host)
  if (tls !== true) return socket
  return connectTls({ socket, host, ...serverName(host) }).on("error", on.onError)
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
    connectTimeout: CONNACK_TIMEOUT_MS,
    ...(username === undefined ? {} : { username }),
    ...(password_secret === undefined ? {} : { password: secrets.read(password_secret) }),
  }
}
