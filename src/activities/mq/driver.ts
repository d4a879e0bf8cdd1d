/** What a broker's protocol has to bring. One file each: how it says a message, one connection, and its codes. */
import type { FailureClass } from "../../contract/statuses.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import type { SecretStore } from "../secrets.ts"
import type { OutgoingEvent } from "./event.ts"

export interface MqDriver<Settings extends { name: string }, Message extends MqMessage> {
  /** Throws `Misconfigured` for what this protocol cannot carry. */
  encode(event: OutgoingEvent, settings: Settings): Message
  /** Throws `Misconfigured` when a secret is missing. */
  open(settings: Settings, deps: LinkDeps): MqLink<Message>
}

export interface LinkDeps {
  guard: OutboundGuard
  secrets: SecretStore
}

export interface MqMessage {
  topic: string
  /** As it goes over the wire. */
  payload: string
  headers: Record<string, unknown>
}

/** One connection to one broker. Never repaired: what breaks is reported as broken, and another one is made. */
export interface MqLink<Message> {
  /** Rejects with what the network or the broker said (`BrokerRefused`); then the link is broken. */
  ready(signal: AbortSignal): Promise<void>
  /** Only on a link that is ready. */
  send(message: Message, signal: AbortSignal): Sending
  isBroken(): boolean
  peer(): string | undefined
  /** Never rejects. */
  close(): Promise<void>
}

export interface Sending {
  /** Never rejects. */
  sent: Promise<SendEnd>
  /** Where the message asks for one. It may come before `sent` ends; rejects when it can no longer come. */
  reply?: Promise<Reply>
  /** Ends what waits. */
  stop(): void
}

export type SendEnd =
  /** The broker has it. */
  | { ended: "taken"; response?: object; note?: string }
  | {
      ended: "failed"
      class: FailureClass
      code: string
      message: string
      response?: object
      /** Only with `misconfigured`: what the mistake left behind, where it is not what was known before. */
      left?: "unknown"
    }

export interface Reply {
  /** Names in lower case. */
  headers: Record<string, string>
  contentType: string | undefined
  body: Uint8Array
}

/** The broker answered the connection with a refusal. Nothing was published. */
export class BrokerRefused extends Error {
  readonly class: "misconfigured" | "not_executed"
  readonly code: string

  constructor(finding: { class: "misconfigured" | "not_executed"; code: string }, cause: Error) {
    super(`the broker refused the connection: ${cause.message}`, { cause })
    this.name = "BrokerRefused"
    this.class = finding.class
    this.code = finding.code
  }
}

export const CONNECT_TIMEOUT_MS = 10_000
