/**
 * The frame's side of a connector: what it is given, and what it must say of one attempt. A connector makes
 * one attempt, never repeats it, and decides the class from codes, never from the text of a message.
 */
import type { AttemptMemo, LateConfig, OutputReference } from "../contract/activities.ts"
import type { PlanPoll } from "../contract/plan.ts"
import type { Effect, FailureClass, Outcome } from "../contract/statuses.ts"
import type { CallIdentity } from "./identity.ts"

export interface CallRequest {
  identity: CallIdentity
  /** Design 4.2. The same for every attempt of one task, generation and operation. */
  key: string
  /** sha256 of the canonical resolved request, hex. */
  fingerprint: string
  effect: Effect
  /** What is known of the effect before this attempt; `unknown` after a lost one. */
  before: Outcome
  config: Record<string, unknown>
  input: unknown
  poll?: PlanPoll | undefined
  /** Of a compensation that meets its task at one barrier: what is known of the task's effect. */
  undoes?: Outcome | undefined
  /** Of a compensation: its config once the barrier's result is known. */
  late?: LateConfig | undefined
  /** Milliseconds this attempt may take. `signal` aborts at its end. */
  budgetMs: number
  /** What an earlier attempt of this call, or this one, remembered. */
  memo: AttemptMemo | undefined
  /** For the attempts after this one, also when this one is lost from now on. */
  remember: (memo: AttemptMemo) => void
  /** Aborts with an `AttemptAborted`. A connector stops then, and waits until what it began is settled. */
  signal: AbortSignal
}

export interface Connector {
  call(request: CallRequest): Promise<Verdict>
  /** Ends every client and leaves no handle. */
  close(): Promise<void>
}

/** For the attempt row. Redacted and cut by the frame, so a connector gives it as it was. */
export interface Evidence {
  request?: unknown
  response?: unknown
  /** Address and port that were dialled. */
  peer?: string | undefined
  bytesSent?: number | undefined
  bytesReceived?: number | undefined
}

export interface Done {
  class: "done"
  /** The raw reply, as JSON. */
  output: unknown
  /** Set by the frame, never by a connector: what `output` was, kept elsewhere for its size. */
  by_reference?: OutputReference
  /** A remark for the attempt row, such as "replayed". */
  note?: string
  evidence: Evidence
}

export interface Failed {
  /** `ongoing`: the target still works on an earlier attempt under the same key. */
  class: FailureClass | "ongoing"
  code: string
  message: string
  /** When the target wants to be asked again. */
  retryAfterMs?: number | undefined
  /** Only with `misconfigured`: what the mistake left behind, where it is not what was known before. */
  left?: "executed" | "unknown"
  /** The target fences by key, so that a refusal proves that no earlier attempt ran. */
  barrier?: boolean
  /** `poll`: the next attempt sends nothing, it only asks how far the target is. `none`: no next attempt. */
  next?: "poll" | "none"
  /** The target did not know who called, so nothing ran: with other secrets the call may be made again at once. */
  deniesCredentials?: boolean
  evidence: Evidence
}

export type Verdict = Done | Failed

/** A mistake in a flow or a connection, found before anything was sent. Becomes `misconfigured`. */
export class Misconfigured extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = "Misconfigured"
    this.code = code
  }
}

/** Why an attempt was stopped: its time was up, or Temporal cancelled it. */
export class AttemptAborted extends Error {
  readonly code: "attempt_timeout" | "attempt_cancelled"

  constructor(code: AttemptAborted["code"], message: string) {
    super(message)
    this.name = "AttemptAborted"
    this.code = code
  }
}
