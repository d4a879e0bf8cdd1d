/**
 * What a SQLSTATE says of a transaction that was not committed. Normative table: transactions reference, 6.5. A
 * server that reports an error before COMMIT has rolled back, so what is not in the table was not executed.
 */
import type { SqlFinding } from "../database.ts"

export type StateFinding = Pick<SqlFinding, "class" | "left" | "conflict">

const PROTOCOL_VIOLATION = "08P01"

const EXACT: Record<string, StateFinding> = {
  // Of another transaction that the statement committed elsewhere: ours has been rolled back.
  "08007": { class: "unknown" },
  // The server's word for a message that does not fit, such as one with too few values.
  [PROTOCOL_VIOLATION]: { class: "misconfigured" },
  "40001": { class: "not_executed", conflict: true },
  "40P01": { class: "not_executed", conflict: true },
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
  "22": { class: "refused" },
  "23": { class: "refused" },
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

/** @param severity as the server sent it. */
export function classifySqlState(state: string, severity?: string): StateFinding {
  // PgBouncer has no other code for what goes wrong in itself, and ends the connection with it.
  if (state === PROTOCOL_VIOLATION && severity === "FATAL") return { class: "not_executed" }
  return EXACT[state] ?? CLASSES[state.slice(0, 2)] ?? { class: "not_executed" }
}

/** Errors of a COMMIT that leave open whether it was carried out. Others say that it was not. */
export function leavesCommitOpen(state: string): boolean {
  return /^(?:08|57P0[123]|40003|XX)/.test(state)
}

/** Of an error that the server reported; `undefined` for one of the connection. */
export function sqlStateOf(error: Error): string | undefined {
  const isState = "code" in error && typeof error.code === "string" && /^[0-9A-Z]{5}$/.test(error.code)
  // Node's own codes may have five letters too (EPIPE); only the server's errors have a severity.
  return isState && "severity" in error ? (error.code as string) : undefined
}

/** `undefined` for an error of the connection. */
export function readPostgresError(error: Error): SqlFinding | undefined {
  const state = sqlStateOf(error)
  if (state === undefined) return undefined
  const severity = "severity" in error && typeof error.severity === "string" ? error.severity : undefined
  return {
    ...classifySqlState(state, severity),
    code: `SQLSTATE_${state}`,
    leavesCommitOpen: leavesCommitOpen(state),
    writesInRead: state === "25006",
  }
}
