/**
 * One connection to RabbitMQ, with a channel for each message that is on its way: what the broker says on a channel
 * (a return, a refusal, the channel's end) then speaks of that message and no other.
 *
 * R1 the client library reconnects by itself; the connection is destroyed at its first error, before it can.
 * R2 the library holds back what is published while the broker blocks the connection, and sends it later; so nothing
 *    is published then.
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import type { Channel, Connection, ConnectionOptions, Envelope, ReturnedMessage } from "rabbitmq-client"
import type { RabbitmqConnection } from "../../../contract/connections.ts"
import { toError } from "../../../contract/errors.ts"
import { abortable } from "../../abortable.ts"
import { AttemptAborted, Misconfigured } from "../../call.ts"
import { toTlsOptions } from "../../outbound/tls-options.ts"
import {
  BrokerRefused,
  CONNECT_TIMEOUT_MS,
  type LinkDeps,
  type MqLink,
  type SendEnd,
  type Sending,
} from "../driver.ts"
import { loadLibrary } from "../load-library.ts"
import { classifyChannelClose, classifyConnectionClose, replyCodeOf } from "./classify.ts"
import { limitFrames, socketOf } from "./internals.ts"
import type { RabbitmqMessage } from "./message.ts"
import { listenForReply, type ReplyListener } from "./replies.ts"

const HEARTBEAT_S = 30
/** Fewer frames for a large message. The broker may ask for less. */
const FRAME_MAX_BYTES = 131_072

/** Throws `Misconfigured` when a secret is missing, or does not fit the certificate. */
export function createRabbitmqLink(
  settings: RabbitmqConnection,
  { guard, secrets }: LinkDeps,
): MqLink<RabbitmqMessage> {
  const options = optionsOf(settings, { guard, secrets })
  const state: LinkState = { idle: [], isBlocked: () => false, end: (error) => void (state.broken ??= error) }
  const opened = openConnection(settings, { state, options, checkHost: (host) => guard.checkHost(host) })
  // Whoever waits for it is told; nobody may be waiting.
  opened.catch((error: unknown) => state.end(toError(error)))

  return {
    isBroken: () => state.broken !== undefined,
    peer: () => state.peer,
    ready: (signal) => abortable(opened, signal),
    send: (message, signal) => sendOver(state, message, signal),
    async close() {
      state.end(new Error("the connection was closed"))
    },
  }
}

interface LinkState {
  /** Once it is open. */
  connection?: Connection
  broken?: Error
  peer?: string | undefined
  isBlocked: () => boolean
  /** Open, in confirm mode, without a message on them. */
  idle: Channel[]
  end(error: Error): void
}

interface Opening {
  state: LinkState
  options: ConnectionOptions
  checkHost: (host: string) => void
}

async function openConnection(
  { host }: RabbitmqConnection,
  { state, options, checkHost }: Opening,
): Promise<void> {
  // The library's dial asks the guard's `lookup` for names only.
  checkHost(host)
  const { Connection } = await loadLibrary(() => import("rabbitmq-client"), "rabbitmq-client")
  if (state.broken !== undefined) throw state.broken
  const connection = new Connection(options)
  const socket = socketOf(connection)
  if (socket === undefined) {
    connection.unsafeDestroy()
    throw new Misconfigured("driver_unfit", "this version of rabbitmq-client cannot be used: expected 5.0.8")
  }
  limitFrames(socket, FRAME_MAX_BYTES)
  await new Promise<void>((resolve, reject) => {
    state.end = (error) => {
      state.broken ??= error
      connection.unsafeDestroy()
      reject(toRefusal(error))
    }
    connection.on("error", (thrown: unknown) => state.end(toError(thrown)))
    let isBlocked = false
    state.isBlocked = () => isBlocked
    connection.on("connection.blocked", () => (isBlocked = true))
    connection.on("connection.unblocked", () => (isBlocked = false))
    connection.on("connection", () => {
      state.connection = connection
      state.peer = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`
      resolve()
    })
  })
}

function sendOver(state: LinkState, message: RabbitmqMessage, signal: AbortSignal): Sending {
  if (!message.wantsReply) return { sent: publish(state, message, signal), stop: () => undefined }
  const listener = listenForReply(message.envelope.correlationId ?? "")
  const sent = publish(state, message, signal, listener)
  return { sent, reply: listener.reply, stop: () => listener.stop() }
}

async function publish(
  state: LinkState,
  { envelope, payload }: RabbitmqMessage,
  signal: AbortSignal,
  listener?: ReplyListener,
): Promise<SendEnd> {
  const { connection } = state
  if (connection === undefined || state.broken !== undefined)
    return unsent("connection_lost", state.broken?.message ?? "not connected to the broker")
  if (state.isBlocked()) return blocked()
  const taken = takeChannel(state, connection, listener)
  let channel: Channel
  try {
    channel = await abortable(taken, signal)
  } catch (thrown) {
    // Rejected: then there is none to close.
    void taken.then(
      (late) => late.close(),
      () => undefined,
    )
    return toUnopened(toError(thrown))
  }
  // It may have been blocked meanwhile; what is written now would wait in this process.
  if (state.isBlocked()) {
    giveBack(state, channel, listener)
    return blocked()
  }
  const replyTo = listener === undefined ? {} : { replyTo: listener.replyTo }
  const end = await confirm(channel, { ...envelope, ...replyTo }, { payload, signal })
  // Else a message may still be on it.
  if (end.ended === "taken" || end.code === "AMQP_312") giveBack(state, channel, listener)
  // Never rejects.
  else void channel.close()
  return end
}

/** One that was made for a reply ends with it. */
function giveBack(state: LinkState, channel: Channel, listener: ReplyListener | undefined): void {
  if (listener === undefined && channel.active) state.idle.push(channel)
}

async function takeChannel(
  state: LinkState,
  connection: Connection,
  listener: ReplyListener | undefined,
): Promise<Channel> {
  for (let channel = listener ? undefined : state.idle.pop(); channel; channel = state.idle.pop())
    if (channel.active) return channel
  const channel = await connection.acquire({ emitErrorsFromChannel: true })
  // What the broker says of a message rejects its publish; this is said of none.
  channel.on("error", () => undefined)
  await channel.confirmSelect()
  await listener?.attach(channel)
  return channel
}

async function confirm(
  channel: Channel,
  envelope: Envelope,
  { payload, signal }: { payload: string; signal: AbortSignal },
): Promise<SendEnd> {
  let returned: number | undefined
  const onReturn = ({ replyCode, messageId }: ReturnedMessage): void => {
    if (messageId === envelope.messageId) returned = replyCode
  }
  let onClose = (): void => undefined
  // The library forgets a publish whose channel ends at the wrong moment. A turn later, as the publish itself may
  // know the reason.
  const closed = new Promise<never>((_, reject) => {
    onClose = () => void setImmediate(() => reject(new Error("the channel was closed")))
  })
  channel.on("basic.return", onReturn)
  channel.on("close", onClose)
  try {
    const confirmed = channel.basicPublish(envelope, Buffer.from(payload))
    await abortable(Promise.race([confirmed, closed]), signal)
    // The return comes before the confirm, but the library tells of it one turn later.
    await nextTurn()
    return returned === undefined ? { ended: "taken" } : toReturned(returned)
  } catch (thrown) {
    return toUnconfirmed(toError(thrown))
  } finally {
    channel.off("basic.return", onReturn)
    channel.off("close", onClose)
  }
}

function toReturned(replyCode: number): SendEnd {
  const code = `AMQP_${replyCode}`
  const message = `the broker returned the message, since no queue takes it: ${code}`
  return { ended: "failed", class: "misconfigured", code, message, response: { reply_code: replyCode } }
}

function toUnconfirmed(error: Error): SendEnd {
  const message = `no confirm: ${error.message}`
  if (error instanceof AttemptAborted) return { ended: "failed", class: "unknown", code: error.code, message }
  if ("code" in error && error.code === "NACK")
    // One of several queues may hold a copy.
    return { ended: "failed", class: "unknown", code: "AMQP_NACK", message }
  const replyCode = error.name === "AMQPChannelError" ? replyCodeOf(error) : undefined
  if (replyCode === undefined) return { ended: "failed", class: "unknown", code: "connection_lost", message }
  const found = classifyChannelClose(replyCode)
  const response = { reply_code: replyCode }
  return { ended: "failed", class: found, code: `AMQP_${replyCode}`, message: error.message, response }
}

function toUnopened(error: Error): SendEnd {
  const replyCode = replyCodeOf(error)
  if (replyCode !== undefined) {
    const found = classifyConnectionClose(replyCode)
    return { ended: "failed", class: found, code: `AMQP_${replyCode}`, message: error.message }
  }
  return unsent(error instanceof AttemptAborted ? error.code : "connection_lost", error.message)
}

function blocked(): SendEnd {
  return unsent("connection_blocked", "the broker is short of memory or disk and takes no messages")
}

function unsent(code: string, message: string): SendEnd {
  return { ended: "failed", class: "not_executed", code, message }
}

function toRefusal(error: Error): Error {
  const replyCode = replyCodeOf(error)
  if (replyCode === undefined) return error
  return new BrokerRefused({ class: classifyConnectionClose(replyCode), code: `AMQP_${replyCode}` }, error)
}

function optionsOf(settings: RabbitmqConnection, { guard, secrets }: LinkDeps): ConnectionOptions {
  const { host, port, tls, vhost = "/", username, password_secret } = settings
  return {
    hostname: host,
    port,
    vhost,
    username,
    password: secrets.read(password_secret),
    ...(tls === true ? { tls: toTlsOptions(settings, secrets) } : {}),
    socket: { port, lookup: guard.lookup },
    noDelay: true,
    heartbeat: HEARTBEAT_S,
    frameMax: FRAME_MAX_BYTES,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    connectionName: "holdfast",
  }
}
