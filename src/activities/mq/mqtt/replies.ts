/** Replies over one MQTT 5 connection: a topic of its own, subscribed when first needed, read by correlation data. */
import type { MqttClient } from "mqtt"
import type { Reply } from "../driver.ts"

export interface MqttReplies {
  topic: string
  /** Resolves once the broker would deliver a reply; rejects with its refusal. */
  listen: () => Promise<void>
  expect(correlation: string, onReply: (reply: Reply) => void): () => void
}

export function createMqttReplies(client: MqttClient, topic: string): MqttReplies {
  const waiting = new Map<string, (reply: Reply) => void>()
  let subscribed: Promise<void> | undefined

  client.on("message", (from, body, { properties }) => {
    if (from !== topic) return
    const headers = Object.entries(properties?.userProperties ?? {}).map(
      ([name, value]): [string, string] => [
        name.toLowerCase(),
        // A property that comes more than once is a list.
        Array.isArray(value) ? value.join(",") : value,
      ],
    )
    const reply = { headers: Object.fromEntries(headers), contentType: properties?.contentType, body }
    waiting.get(String(properties?.correlationData ?? ""))?.(reply)
  })

  return {
    topic,
    listen() {
      subscribed ??= subscribe(client, topic)
      return subscribed
    },
    expect(correlation, onReply) {
      waiting.set(correlation, onReply)
      return () => {
        if (waiting.get(correlation) === onReply) waiting.delete(correlation)
      }
    },
  }
}

function subscribe(client: MqttClient, topic: string): Promise<void> {
  return new Promise((resolve, reject) => {
    client.subscribe(topic, { qos: 1 }, (error) => (error ? reject(error) : resolve()))
  })
}
