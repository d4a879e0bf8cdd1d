/** What every kind of task tells the compiler about a task's config. */
import type { PlanPoll } from "../../contract/plan.ts"
import type { Effect } from "../../contract/statuses.ts"
import type { Place } from "../read-object.ts"

export interface KindReading {
  /** For the connector: as written, with the kind's defaults in it. Its expressions are not compiled yet. */
  config: Record<string, unknown>
  target: Target
  /** What the protocol itself says of a repeated call. Goes before the connection's word. */
  certainEffect?: Effect
  /** What is usual for the kind. Goes after the connection's word. */
  usualEffect?: Effect
  /** Whether the connector sends the task's input. */
  sendsInput: boolean
  /** Evaluated in the activity. Not part of `config`. */
  failWhen?: string
  /** Its expressions are not compiled yet; they are evaluated in the activity. Not part of `config`. */
  poll?: PollReading
  /** A table that is changed by other means than adding rows (`replaces`), or only added to. */
  writes?: { table: string; replaces: boolean }
}

/** A plan's `PlanPoll` before it is compiled. */
export interface PollReading extends Pick<PlanPoll, "url_is" | "interval_ms" | "timeout_ms"> {
  url?: string
  done_when?: string
  fail_when?: string
}

/** Where a call goes. */
export type Target =
  /** To a connection; without a name to the default one of the kind. */
  | { by: "connection"; name?: string }
  /** To a connection of this name, else to this `host[:port]`. */
  | { by: "service"; service: string }
  /** To the address in the config. */
  | { by: "address" }
  /** The config is too broken to tell; that has been reported. */
  | { by: "unknown" }

/** Reports every problem of the config at its place. */
export type ReadConfig = (raw: Record<string, unknown>, place: Place) => KindReading
