/**
 * What a SQLSTATE says of a transaction that was not committed. Normative table: transactions reference, 6.5. A
 * server that reports an error before COMMIT has rolled back, so what is not in the table was not executed.
 */
import { leavesCommitOpen, POSTGRES_CONFLICTS, sqlStateOf } from "../../../barrier/postgres-errors.ts"
import type { SqlFinding } from "../database.ts"

export type StateFinding = Pick<SqlFinding, "class" | "left" | "conflict">

const PROTOCOL_VIOLATION = "08P01"
/** The server's function that finds a statement with too few or too many values. */
const BIND = "exec_bind_message"
const UNSUPPORTED = "0A000"
/** The one that finds a BEGIN which asks a standby for writing; of tasks nothing else reaches it. */
const CHECK_SETTING = "call_bool_check_hook"

const EXACT: Record<string, StateFinding> = {
  // Of another transaction that the statement committed elsewhere: ours has been rolled back.
  "08007": { class: "unknown" },
  ...Object.fromEntries(
    POSTGRES_CONFLICTS.map((state): [string, StateFinding] => [
      state,
      { class: "not_executed", conflict: true },
    ]),
  ),
  "25006": { class: "not_executed" },
  "25P03": { class: "not_executed" },
  "55P03": { class: "not_executed" },
  "57014": { class: "not_executed" },
  "57P01": { class: "not_executed" },
  "57P02": { class: "not_executed" },
  "57P03": { class: "not_executed" },
  "57P04": { class: "misconfigured" },
  P0000: { class: "misconfigured" },
}

/** By the first two characters. */
const CLASSES: Record<string, StateFinding> = {
  "08": { class: "not_executed" },
  "53": { class: "not_executed" },
  // More than one row where the statement allows one: no repeat of it would do better.
  "21": { class: "misconfigured" },
  "22": { class: "refused" },
  "23": { class: "refused" },
  // A row that a view's WITH CHECK OPTION does not let in.
  "44": { class: "refused" },
  // Raised by the business's own code.
  P0: { class: "refused" },
  "0A": { class: "misconfigured" },
  "0L": { class: "misconfigured" },
  "25": { class: "misconfigured" },
  "28": { class: "misconfigured" },
  "2D": { class: "misconfigured" },
  "3D": { class: "misconfigured" },
  "3F": { class: "misconfigured" },
  "42": { class: "misconfigured" },
  "54": { class: "misconfigured" },
  XX: { class: "misconfigured", left: "unknown" },
}

export interface SqlSignal {
  state: string
  /** In the server's language. */
  severity?: string | undefined
  /** The server's function that raised it; poolers name none. */
  routine?: string | undefined
}

export function classifySqlState({ state, severity, routine }: SqlSignal): StateFinding {
  if (state === PROTOCOL_VIOLATION) return readProtocolViolation({ severity, routine })
  // As 25006 says it of a server that became a standby meanwhile: writing waits for the promotion.
  if (state === UNSUPPORTED && routine === CHECK_SETTING) return { class: "not_executed" }
  return EXACT[state] ?? CLASSES[state.slice(0, 2)] ?? { class: "not_executed" }
}

/**
 * An error is the word for a message that does not fit, such as one with too few values. What ends the connection is
 * not: PgBouncer has no other code for what goes wrong in itself. The server translates both words, its routine
 * never.
 */
function readProtocolViolation({ severity, routine }: Omit<SqlSignal, "state">): StateFinding {
  return { class: severity === "ERROR" || routine === BIND ? "misconfigured" : "not_executed" }
}

/** `undefined` for an error of the connection. */
export function readPostgresError(error: Error): SqlFinding | undefined {
  const state = sqlStateOf(error)
  if (state === undefined) return undefined
  return {
    ...classifySqlState({ state, severity: textOf(error, "severity"), routine: textOf(error, "routine") }),
    code: `SQLSTATE_${state}`,
    leavesCommitOpen: leavesCommitOpen(state),
    writesInRead: state === "25006",
  }
}

function textOf(error: Error, field: string): string | undefined {
  const value: unknown = Object.getOwnPropertyDescriptor(error, field)?.value
  return typeof value === "string" ? value : undefined
}
