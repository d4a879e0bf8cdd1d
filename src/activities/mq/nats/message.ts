/** An event as a JetStream message: the key is `Nats-Msg-Id`, by which the stream drops repeats for a while. */
import type { NatsConnection } from "../../../contract/connections.ts"
import { Misconfigured } from "../../call.ts"
import { toHeaderText } from "../../identity-headers.ts"
import type { MqMessage } from "../driver.ts"
import { invalidTopic, type OutgoingEvent, toEventHeaders } from "../event.ts"

export interface NatsMessage extends MqMessage {
  headers: Record<string, string>
  key: string
  fingerprint: string
  stream: string | undefined
  wantsReply: boolean
}

/** RFC 9110's tokens, which NATS asks for too. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/** Throws `Misconfigured`: `topic_invalid`, `header_invalid`. */
export function encodeNats(event: OutgoingEvent, { stream }: NatsConnection): NatsMessage {
  const { topic, key, data, attributes, replyWithinMs } = event
  checkSubject(topic)
  const headers = Object.entries({ ...toEventHeaders(event), "content-type": "application/json" })
  for (const [name] of headers) {
    if (!HEADER_NAME.test(name))
      throw new Misconfigured("header_invalid", `${JSON.stringify(name)} is not a header name`)
    if (/^nats-/i.test(name))
      throw new Misconfigured("header_invalid", `the header ${name} is read by the server: leave it out`)
  }
  return {
    topic,
    payload: JSON.stringify(data),
    headers: {
      ...Object.fromEntries(headers.map(([name, value]) => [name, toHeaderText(value)])),
      "correlation-id": key,
    },
    key,
    fingerprint: String(attributes["holdfastfingerprint"]),
    stream,
    wantsReply: replyWithinMs !== undefined,
  }
}

function checkSubject(subject: string): void {
  if (/[\s*>\0]/.test(subject)) throw invalidTopic("a subject has no blanks, no * and no >")
  if (subject.split(".").includes("")) throw invalidTopic("a subject has no empty part between its dots")
  if (subject.startsWith("$")) throw invalidTopic("subjects that begin with $ belong to the server")
}
