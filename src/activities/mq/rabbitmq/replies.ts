/**
 * A reply over the channel of its request: RabbitMQ's direct reply-to, an address that lives as long as the channel
 * and holds nothing. A reply that comes after the channel's end is dropped by the broker.
 * Source: rabbitmq.com/docs/direct-reply-to.
 */
import type { AsyncMessage, Channel } from "rabbitmq-client"
import type { Reply } from "../driver.ts"
import { keepBodiesRaw } from "./internals.ts"

const REPLY_QUEUE = "amq.rabbitmq.reply-to"

export interface ReplyListener {
  replyTo: string
  /** Rejects when the channel ends. */
  reply: Promise<Reply>
  /** Consumes over this channel from now on. */
  attach(channel: Channel): Promise<void>
  /** Ends the channel. */
  stop(): void
}

export function listenForReply(correlationId: string): ReplyListener {
  let channel: Channel | undefined
  let resolve: (reply: Reply) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const reply = new Promise<Reply>((onReply, onLost) => {
    resolve = onReply
    reject = onLost
  })
  // Whoever waits for it is told; the publish may fail first.
  reply.catch(() => undefined)
  return {
    replyTo: REPLY_QUEUE,
    reply,
    async attach(open) {
      channel = open
      open.once("close", () => reject(new Error("the channel was closed")))
      keepBodiesRaw(open)
      await open.basicConsume({ queue: REPLY_QUEUE, noAck: true }, (message) => {
        if (message.correlationId !== correlationId) return
        if (Buffer.isBuffer(message.body)) resolve(toReply(message, message.body))
        else reject(new TypeError("rabbitmq-client parsed the reply: expected version 5.0.8"))
      })
    },
    stop() {
      // Never rejects.
      void channel?.close()
    },
  }
}

function toReply({ headers = {}, contentType }: AsyncMessage, body: Buffer): Reply {
  const texts = Object.entries(headers).map(([name, value]): [string, string] => [
    name.toLowerCase(),
    String(value),
  ])
  return { headers: Object.fromEntries(texts), contentType, body }
}
