/** Compares what the workflow says with what the mirror has, field by field of `contract/rows.ts`. */
import { isDeepStrictEqual } from "node:util"
import type { ExceptionRow, TaskRow, TransactionRow, View } from "../../contract/rows.ts"
import { sanitizeText } from "./encode.ts"
import { isLooseTime } from "./loose-times.ts"
import type { StoredMirror } from "./read-mirror.ts"

export interface FieldDifference {
  entity: "transaction" | "task" | "exception"
  /** Task path, or `path operation generation` of an exception; '' for the transaction. */
  key: string
  field: string
  mirror: unknown
  temporal: unknown
}

type Expected = Pick<View, "transaction" | "tasks" | "exceptions">

export function findDifferences(expected: Expected, stored: StoredMirror): FieldDifference[] {
  return [
    ...compareRows("transaction", "", expected.transaction, stored.transaction.row),
    ...compareTasks(expected.tasks, stored.tasks),
    ...compareExceptions(expected.exceptions, stored.exceptions),
  ].filter((difference) => !isLoose(difference, expected))
}

/** A rough time that both sides have is no difference. */
function isLoose({ entity, key, field, mirror, temporal }: FieldDifference, expected: Expected): boolean {
  if (mirror === null || temporal === null) return false
  const row =
    entity === "task"
      ? expected.tasks.find(({ path }) => path === key)
      : expected.exceptions.find((exception) => exceptionKey(exception) === key)
  return row !== undefined && isLooseTime(row, field, expected.exceptions)
}

function compareTasks(expected: TaskRow[], stored: TaskRow[]): FieldDifference[] {
  const storedByPath = new Map(stored.map((row) => [row.path, row]))
  const differences = expected.flatMap((row) => {
    const found = storedByPath.get(sanitizeText(row.path))
    storedByPath.delete(sanitizeText(row.path))
    if (found) return compareRows("task", row.path, withStoredPayloads(row, found), found)
    // The mirror learns of a task when it leaves `pending`.
    return row.status === "pending" ? [] : [difference("task", row.path, "status", { temporal: row.status })]
  })
  const unknown = Array.from(storedByPath.values(), (row) =>
    difference("task", row.path, "status", { mirror: row.status }),
  )
  return [...differences, ...unknown]
}

/** What the workflow keeps no longer cannot be compared: the mirror may have it from earlier. */
function withStoredPayloads(row: TaskRow, stored: TaskRow): TaskRow {
  const isDropped = row.output_dropped && row.output === null
  return {
    ...row,
    input: row.input ?? stored.input,
    output: isDropped ? stored.output : row.output,
    output_sha256: isDropped ? stored.output_sha256 : row.output_sha256,
    // Says what the workflow's memory holds, which differs between its rows and its views.
    output_dropped: stored.output_dropped,
  }
}

function compareExceptions(expected: ExceptionRow[], stored: ExceptionRow[]): FieldDifference[] {
  const storedByKey = new Map(stored.map((row) => [exceptionKey(row), row]))
  const differences = expected.flatMap((row) => {
    const key = exceptionKey(row)
    const found = storedByKey.get(key)
    storedByKey.delete(key)
    return found
      ? compareRows("exception", key, row, found)
      : [difference("exception", key, "state", { temporal: row.state })]
  })
  // The workflow forgets the records of a task's earlier generations, but none that is open.
  const forgotten = Array.from(storedByKey.values())
    .filter((row) => row.state === "open" || row.state === "reopened")
    .map((row) => difference("exception", exceptionKey(row), "state", { mirror: row.state }))
  return [...differences, ...forgotten]
}

/** With its transaction, what makes a record the same one. */
export function exceptionKey({ task, operation, generation }: ExceptionRow): string {
  return `${sanitizeText(task ?? "")} ${operation} ${generation}`
}

function compareRows<Row extends TransactionRow | TaskRow | ExceptionRow>(
  entity: FieldDifference["entity"],
  key: string,
  expected: Row,
  stored: Row,
): FieldDifference[] {
  // Both are rows of one type, so the keys of one are the fields of the other.
  const fields = Object.keys(stored) as (keyof Row & string)[]
  return fields
    .filter((field) => !isDeepStrictEqual(toStored(field, expected[field]), stored[field] ?? null))
    .map((field) => difference(entity, key, field, { mirror: stored[field], temporal: expected[field] }))
}

const JSON_FIELDS = new Set(["input", "output", "error", "pending_approvals"])

/** A value as it comes back from Postgres. */
function toStored(field: string, value: unknown): unknown {
  if (value === undefined || value === null) return null
  if (JSON_FIELDS.has(field)) return JSON.parse(JSON.stringify(value))
  if (typeof value === "string") return sanitizeText(value)
  return Array.isArray(value)
    ? value.map((item) => (typeof item === "string" ? sanitizeText(item) : item))
    : value
}

function difference(
  entity: FieldDifference["entity"],
  key: string,
  field: string,
  { mirror = null, temporal = null }: { mirror?: unknown; temporal?: unknown },
): FieldDifference {
  return { entity, key, field, mirror, temporal }
}
