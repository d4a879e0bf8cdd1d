/**
 * The hash of a row of the audit trail, made here a second time: Postgres makes it when the row is written
 * (`audit_record` in `0011_audit.sql`), and who checks must not ask the database whether it is right.
 */
import { createHash } from "node:crypto"

/** In the order in which they are hashed. */
const FIELDS = [
  "tenant",
  "seq",
  "at",
  "actor",
  "roles",
  "action",
  "instance_id",
  "subject",
  "reason",
  "attest",
  "executed_externally",
  "evidence",
  "before",
  "after",
  "update_id",
  "approvals",
  "prev_hash",
] as const

/**
 * What is hashed of a row, as text. `at` in UTC with six digits of a second, such as `2026-01-15T12:00:00.000000Z`;
 * JSON as it is stored, character by character.
 */
export type AuditRecord = Record<(typeof FIELDS)[number], string | null>

/** Stands for the row before the first one. */
export const NO_HASH = "0".repeat(64)

/** A line for each field: `name:bytes:value`, with the value's length in UTF-8, or `name:-` where there is none. */
export function toHashedText(record: AuditRecord): string {
  return FIELDS.map((name) => {
    const value = record[name]
    return value === null ? `${name}:-\n` : `${name}:${Buffer.byteLength(value)}:${value}\n`
  }).join("")
}

/** sha256 in small hexadecimal. */
export function hashRow(record: AuditRecord): string {
  return createHash("sha256").update(toHashedText(record)).digest("hex")
}
