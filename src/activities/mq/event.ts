/**
 * A task's input as an event with the identity of its call: a CloudEvent, which each driver writes as its protocol
 * has it. Nothing in it differs between two attempts but the trace's span.
 * Source: CloudEvents 1.0; design 4.2 and 5; transactions reference 6.4.
 */
import { LONGEST_TIMER_MS } from "../attempt-time.ts"
import { type CallRequest, Misconfigured } from "../call.ts"
import { createTraceparent } from "../identity-headers.ts"

export interface OutgoingEvent {
  topic: string
  /** Message id and correlation id. */
  key: string
  data: unknown
  /** Of the CloudEvent, by their names in it. */
  attributes: Record<string, string | number>
  /** The flow's own. */
  headers: Record<string, string>
  /** Absent: nobody is asked to answer. */
  replyWithinMs?: number
}

/** Throws `Misconfigured`: `topic_invalid`, `header_invalid`, `reply_invalid`. */
export function toEvent(request: CallRequest): OutgoingEvent {
  const { config, key, input } = request
  const replyWithinMs = toReplyTimeout(config["reply"])
  return {
    topic: toTopic(config["topic"]),
    key,
    data: input ?? null,
    attributes: attributesOf(request),
    headers: toHeaders(config["headers"]),
    ...(replyWithinMs === undefined ? {} : { replyWithinMs }),
  }
}

/** The event in binary mode: the attributes as headers `ce-…`, and what those want who know no CloudEvents. */
export function toEventHeaders({ attributes, headers }: OutgoingEvent): Record<string, string> {
  const prefixed = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)] as const)
  return { ...headers, ...Object.fromEntries(prefixed), traceparent: String(attributes["traceparent"]) }
}

export function invalidTopic(reason: string): Misconfigured {
  return new Misconfigured("topic_invalid", `the topic cannot be used: ${reason}`)
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
  return topic
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

/** The flow's compiler writes milliseconds. */
function toReplyTimeout(reply: unknown): number | undefined {
  if (reply === undefined || reply === null) return undefined
  const timeout = typeof reply === "object" && "timeout" in reply ? reply.timeout : undefined
  if (typeof timeout === "number" && timeout > 0) return Math.min(timeout, LONGEST_TIMER_MS)
  throw new Misconfigured("reply_invalid", "reply has no timeout: expected milliseconds above zero")
}
