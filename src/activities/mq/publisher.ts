/**
 * One attempt to publish, over whichever driver: a link from the pool, the message, what the broker says of it and,
 * where the task asks for one, the consumer's reply.
 *
 * P1 a message that was handed to a link is never sent again by it, and a link that lost one is not used again.
 * P2 a link that leaves the pool ends only after what is on its way over it has ended.
 */
import type { MqConnection } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import { abortable } from "../abortable.ts"
import { AttemptAborted, type CallRequest, type Evidence, type Failed, type Verdict } from "../call.ts"
import { createClientPool } from "../client-pool.ts"
import { classifyTransport } from "../outbound/transport-error.ts"
import {
  BrokerRefused,
  type LinkDeps,
  type MqDriver,
  type MqLink,
  type MqMessage,
  type SendEnd,
} from "./driver.ts"
import { type OutgoingEvent, toEvent } from "./event.ts"
import { toReplyVerdict } from "./reply.ts"

export interface Publisher<Settings> {
  /** Throws `Misconfigured`: then nothing was sent. */
  publish(settings: Settings, request: CallRequest): Promise<Verdict>
  close(): Promise<void>
}

const SILENCE = new Set(["attempt_timeout", "ack_timeout"])

export function createPublisher<Settings extends MqConnection, Message extends MqMessage>(
  driver: MqDriver<Settings, Message>,
  deps: LinkDeps,
): Publisher<Settings> {
  const leases = createLeases<MqLink<Message>>((link) => link.close())
  const links = createClientPool(
    (settings: Settings) => driver.open(settings, deps),
    (link) => leases.retire(link),
    deps.secrets.stampOf,
  )

  const getLink = (settings: Settings): MqLink<Message> => {
    const link = links.get(settings)
    if (!link.isBroken()) return link
    // Never rejects; it leaves the pool at once.
    void links.drop(link)
    return links.get(settings)
  }

  return {
    async publish(settings, request) {
      const event = toEvent(request)
      const message = driver.encode(event, settings)
      const link = getLink(settings)
      leases.take(link)
      try {
        const verdict = await publishOver(link, { message, event, signal: request.signal })
        // Never rejects. A broker that does not answer in time gets a new connection.
        if (verdict.class === "unknown" && SILENCE.has(verdict.code)) void links.drop(link)
        return verdict
      } finally {
        leases.giveBack(link)
      }
    },
    async close() {
      leases.endAll()
      await links.close()
    },
  }
}

interface Publication<Message> {
  message: Message
  event: OutgoingEvent
  signal: AbortSignal
}

async function publishOver<Message extends MqMessage>(
  link: MqLink<Message>,
  { message, event, signal }: Publication<Message>,
): Promise<Verdict> {
  const evidence = (): Evidence => {
    const { topic, payload, headers } = message
    const bytesSent = Buffer.byteLength(payload)
    return { request: { topic, payload, headers }, peer: link.peer(), bytesSent }
  }
  try {
    await link.ready(signal)
  } catch (thrown) {
    return toUnconnected(toError(thrown), evidence())
  }
  const sending = link.send(message, signal)
  try {
    const { sent, reply } = sending
    if (reply === undefined || event.replyWithinMs === undefined) return toSent(await sent, event, evidence())
    // The consumer can be faster than the broker's word; then that is not needed any more.
    const first = await Promise.race([
      sent,
      reply.then(
        () => undefined,
        () => sent,
      ),
    ])
    if (first?.ended === "failed") return toSent(first, event, evidence())
    return await toReplied(abortable(reply, signal), { withinMs: event.replyWithinMs, evidence })
  } finally {
    sending.stop()
  }
}

function toSent(end: SendEnd, { key, topic }: OutgoingEvent, sent: Evidence): Verdict {
  const evidence = end.response === undefined ? sent : { ...sent, response: end.response }
  if (end.ended === "failed") {
    const { class: found, code, message, left } = end
    return { class: found, code, message, ...(left === undefined ? {} : { left }), evidence }
  }
  const note = end.note === undefined ? {} : { note: end.note }
  return { class: "done", output: { message_id: key, topic }, ...note, evidence }
}

async function toReplied(
  reply: Promise<Parameters<typeof toReplyVerdict>[0]>,
  { withinMs, evidence }: { withinMs: number; evidence: () => Evidence },
): Promise<Verdict> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), withinMs)
  })
  try {
    const answer = await Promise.race([reply, late])
    if (answer !== undefined) return toReplyVerdict(answer, evidence())
    const message = `the broker has the message, but no reply came within ${withinMs} ms`
    return { class: "unknown", code: "reply_timeout", message, evidence: evidence() }
  } catch (thrown) {
    const error = toError(thrown)
    const code = error instanceof AttemptAborted ? error.code : "connection_lost"
    const message = `the broker has the message, but its reply was lost: ${error.message}`
    return { class: "unknown", code, message, evidence: evidence() }
  } finally {
    clearTimeout(timer)
  }
}

/** The connection did not come up, so nothing was published. */
function toUnconnected(error: Error, evidence: Evidence): Failed {
  if (error instanceof BrokerRefused)
    return { class: error.class, code: error.code, message: error.message, evidence }
  const finding = classifyTransport(error, false)
  const code = finding.code === "Error" ? "connection_lost" : finding.code
  return { ...finding, code, message: `no connection to the broker: ${error.message}`, evidence }
}

/** How many calls use a link, so that one that nobody gets any more ends with its last call. */
function createLeases<Link>(close: (link: Link) => Promise<void>) {
  const users = new Map<Link, number>()
  const retired = new Set<Link>()
  let isEnding = false
  return {
    take: (link: Link) => void users.set(link, (users.get(link) ?? 0) + 1),
    giveBack(link: Link) {
      const left = (users.get(link) ?? 1) - 1
      if (left > 0) return void users.set(link, left)
      users.delete(link)
      // Never rejects, as the driver promises.
      if (retired.delete(link)) void close(link)
      return undefined
    },
    /** Resolves when it is closed, or at once when it is still in use. */
    async retire(link: Link) {
      if (!isEnding && users.has(link)) retired.add(link)
      else await close(link)
    },
    endAll() {
      isEnding = true
      for (const link of retired) void close(link)
    },
  }
}
