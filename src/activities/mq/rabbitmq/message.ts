/** An event as an AMQP 0-9-1 message: persistent, `mandatory`, its id and correlation id the key. */
import type { Envelope } from "rabbitmq-client"
import type { RabbitmqConnection } from "../../../contract/connections.ts"
import { Misconfigured } from "../../call.ts"
import type { MqMessage } from "../driver.ts"
import { invalidTopic, type OutgoingEvent, toEventHeaders } from "../event.ts"

export interface RabbitmqMessage extends MqMessage {
  envelope: Envelope
  wantsReply: boolean
}

/** Names and routing keys have one byte for their length. */
const MAX_SHORT_BYTES = 255

/** Throws `Misconfigured`: `topic_invalid`, `header_invalid`. */
export function encodeRabbitmq(event: OutgoingEvent, { exchange = "" }: RabbitmqConnection): RabbitmqMessage {
  const { topic, key, data, attributes, replyWithinMs } = event
  if (Buffer.byteLength(topic) > MAX_SHORT_BYTES)
    throw invalidTopic(`a routing key has at most ${MAX_SHORT_BYTES} bytes`)
  const headers = toEventHeaders(event)
  const long = Object.keys(headers).find((name) => Buffer.byteLength(name) > MAX_SHORT_BYTES)
  if (long !== undefined)
    throw new Misconfigured(
      "header_invalid",
      `the name of the header ${long.slice(0, 40)}… is longer than ${MAX_SHORT_BYTES} bytes`,
    )
  return {
    topic,
    payload: JSON.stringify(data),
    headers,
    envelope: {
      exchange,
      routingKey: topic,
      // Without it a message that no queue takes is confirmed and lost.
      mandatory: true,
      durable: true,
      messageId: key,
      correlationId: key,
      type: String(attributes["type"]),
      appId: "holdfast",
      contentType: "application/json",
      headers,
    },
    wantsReply: replyWithinMs !== undefined,
  }
}
