/**
 * An event as an MQTT message, QoS 1. MQTT 3.1.1 has no headers, so there the event is structured (one JSON body);
 * MQTT 5 carries its attributes as user properties (binary mode) and the key as correlation data.
 * Source: CloudEvents 1.0, MQTT protocol binding and JSON format.
 */
import type { IClientPublishOptions } from "mqtt"
import { Misconfigured } from "../../call.ts"
import type { MqMessage } from "../driver.ts"
import { invalidTopic, type OutgoingEvent } from "../event.ts"

export type MqttProtocol = "3.1.1" | "5"

export interface MqttMessage extends MqMessage {
  options: IClientPublishOptions
  /** Of the reply that is asked for. */
  correlation?: string
}

/** Of any text in a packet: its length is a number of two bytes, and mqtt breaks off in the midst of a longer one. */
const MAX_TEXT_BYTES = 65_535
/** Of a name that may be too long itself. */
const SHOWN = 100
/** What CloudEvents allows for the names of extension attributes. */
const ATTRIBUTE_NAME = /^[a-z0-9]{1,20}$/

/** Throws `Misconfigured`: `topic_invalid`, `header_invalid`, `reply_unsupported`. */
export function encodeMqtt(event: OutgoingEvent, protocol: MqttProtocol): MqttMessage {
  const { topic, key, data, attributes, headers } = event
  checkTopic(topic)
  if (protocol === "3.1.1") return encodeStructured(event)
  const texts = Object.entries(attributes).map(([name, value]): [string, string] => [name, String(value)])
  const userProperties = { ...headers, ...Object.fromEntries(texts), "ce-id": key }
  for (const [name, value] of Object.entries(userProperties)) checkHeader(name, value)
  return {
    topic,
    payload: JSON.stringify(data),
    headers: userProperties,
    options: {
      qos: 1,
      properties: {
        contentType: "application/json",
        payloadFormatIndicator: true,
        correlationData: Buffer.from(key),
        userProperties,
      },
    },
    ...(event.replyWithinMs === undefined ? {} : { correlation: key }),
  }
}

function encodeStructured({ topic, data, attributes, headers, replyWithinMs }: OutgoingEvent): MqttMessage {
  if (replyWithinMs !== undefined)
    throw new Misconfigured("reply_unsupported", "MQTT 3.1.1 knows no replies: expected protocol 5 for reply")
  for (const name of Object.keys(headers))
    if (!ATTRIBUTE_NAME.test(name) || name in attributes || name === "data")
      throw new Misconfigured(
        "header_invalid",
        `MQTT 3.1.1 has no headers; "${name}" cannot be an attribute of the event either: expected up to 20 of a-z and 0-9, and none of its own`,
      )
  const event = { ...attributes, datacontenttype: "application/json", ...headers, data }
  return { topic, payload: JSON.stringify(event), headers: {}, options: { qos: 1 } }
}

function checkTopic(topic: string): void {
  if (/[+#\0]/.test(topic)) throw invalidTopic("one that is published to has no +, # or NUL")
  if (Buffer.byteLength(topic) > MAX_TEXT_BYTES)
    throw invalidTopic(`it is longer than ${MAX_TEXT_BYTES} bytes`)
}

function checkHeader(name: string, value: string): void {
  for (const [part, text] of Object.entries({ name, value })) {
    const bytes = Buffer.byteLength(text)
    if (bytes > MAX_TEXT_BYTES)
      throw new Misconfigured(
        "header_invalid",
        `the ${part} of the header "${name.slice(0, SHOWN)}" has ${bytes} bytes: expected at most ${MAX_TEXT_BYTES}`,
      )
  }
}
