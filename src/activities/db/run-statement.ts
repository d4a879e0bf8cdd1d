/** A statement's outcome as the task's output: `{rows, row_count}`. */
import { MAX_INLINE_OUTPUT_DEPTH } from "../../contract/activities.ts"
import { Misconfigured } from "../call.ts"
import type { Queries, RowSet } from "./database.ts"
import { toJsonValue } from "./row-values.ts"
import type { Statement } from "./statement.ts"

/** More rows than these are cut, and `truncated` says so. */
export const MAX_ROWS = 1_000

export interface StatementResult {
  rows: unknown[]
  /** Rows affected, or read. Of a query that was cut: what was kept. */
  row_count: number
  truncated?: true
  /** MySQL: the number that was given to a row that was added. */
  insert_id?: string
}

export async function runWrite({ run }: Queries, statement: Statement): Promise<StatementResult> {
  const { text, values, otherwise } = statement
  const first = await run(text, values)
  if (otherwise === undefined) return toResult(first)
  if (first.count > 1)
    throw new Misconfigured(
      "upsert_key_not_unique",
      `where of the upsert meets ${first.count} rows; nothing was changed: name the columns of a unique key`,
    )
  if (first.count === 1) return toResult(first)
  return toResult(await run(otherwise.text, otherwise.values))
}

export async function runRead({ read }: Queries, { text, values }: Statement): Promise<StatementResult> {
  const result = toResult(await read(text, values, MAX_ROWS + 1))
  return { ...result, row_count: result.rows.length }
}

function toResult({ rows, count, insertId }: RowSet): StatementResult {
  return {
    // The result and its rows are two levels themselves.
    rows: rows.slice(0, MAX_ROWS).map((row) => toJsonValue(row, MAX_INLINE_OUTPUT_DEPTH - 2)),
    row_count: count,
    ...(rows.length > MAX_ROWS ? { truncated: true } : {}),
    ...(insertId === undefined ? {} : { insert_id: insertId }),
  }
}
