/**
 * A task's input as an MQTT message with the identity of its call: a CloudEvent. MQTT 3.1.1 has no headers, so
 * the event is structured (one JSON body); MQTT 5 carries its attributes as user properties (binary mode) and the
 * key as correlation data. Nothing in it differs between two attempts but the trace's span.
 * Source: CloudEvents 1.0, MQTT protocol binding and JSON format; design 4.2 and 5.
 */
import type { IClientPublishOptions } from "mqtt"
import { type CallRequest, Misconfigured } from "../call.ts"
import { createTraceparent } from "../identity-headers.ts"

export type MqttProtocol = "3.1.1" | "5"

export interface MqttMessage {
  topic: string
  payload: string
  options: IClientPublishOptions
}

const MAX_TOPIC_BYTES = 65_535
/** What CloudEvents allows for the names of extension attributes. */
const ATTRIBUTE_NAME = /^[a-z0-9]{1,20}$/

/** Throws `Misconfigured`: `topic_invalid`, `header_invalid`. */
export function buildMessage(request: CallRequest, protocol: MqttProtocol): MqttMessage {
  const topic = toTopic(request.config["topic"])
  const headers = toHeaders(request.config["headers"])
  const attributes = attributesOf(request)
  const data = request.input ?? null
  if (protocol === "3.1.1") {
    for (const name of Object.keys(headers))
      if (!ATTRIBUTE_NAME.test(name) || name in attributes || name === "data")
        throw new Misconfigured(
          "header_invalid",
          `MQTT 3.1.1 has no headers; "${name}" cannot be an attribute of the event either: expected up to 20 of a-z and 0-9, and none of its own`,
        )
    const event = { ...attributes, datacontenttype: "application/json", ...headers, data }
    return { topic, payload: JSON.stringify(event), options: { qos: 1 } }
  }
  const texts = Object.entries(attributes).map(([name, value]): [string, string] => [name, String(value)])
  return {
    topic,
    payload: JSON.stringify(data),
    options: {
      qos: 1,
      properties: {
        contentType: "application/json",
        payloadFormatIndicator: true,
        correlationData: Buffer.from(request.key),
        userProperties: { ...headers, ...Object.fromEntries(texts), "ce-id": request.key },
      },
    },
  }
}

function attributesOf({ identity, key, fingerprint, config }: CallRequest): Record<string, string | number> {
  const { tenant, transaction, task, operation, generation } = identity
  const partition = config["key"]
  return {
    specversion: "1.0",
    id: key,
    source: `/holdfast/${tenant}`,
    type: `holdfast.task.${operation}`,
    subject: task,
    traceparent: createTraceparent(identity),
    holdfasttransaction: transaction,
    holdfasttask: task,
    holdfastoperation: operation,
    holdfastgeneration: generation,
    holdfastfingerprint: fingerprint,
    ...(typeof partition === "string" || typeof partition === "number"
      ? { partitionkey: String(partition) }
      : {}),
  }
}

function toTopic(topic: unknown): string {
  if (typeof topic !== "string" || topic === "") throw invalidTopic("it is missing")
  if (/[+#\0]/.test(topic)) throw invalidTopic("one that is published to has no +, # or NUL")
  if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES)
    throw invalidTopic(`it is longer than ${MAX_TOPIC_BYTES} bytes`)
  return topic
}

function invalidTopic(reason: string): Misconfigured {
  return new Misconfigured("topic_invalid", `the topic cannot be used: ${reason}`)
}

function toHeaders(headers: unknown): Record<string, string> {
  if (headers === undefined || headers === null) return {}
  if (typeof headers !== "object" || Array.isArray(headers))
    throw new Misconfigured("header_invalid", "headers is not an object")
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]: [string, unknown]) => {
      if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
        throw new Misconfigured("header_invalid", `the header ${name} is no text, number, true or false`)
      if (/[\r\n\0]/.test(`${name}${value}`))
        throw new Misconfigured(
          "header_invalid",
          `the header ${JSON.stringify(name)} holds a line break or NUL`,
        )
      return [name, String(value)]
    }),
  )
}
