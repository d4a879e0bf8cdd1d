/** A statement's outcome as the task's output: `{rows, row_count}`. */
import type { QueryResult } from "pg"
import { MAX_INLINE_OUTPUT_DEPTH } from "../../contract/activities.ts"
import type { Statement } from "./statement.ts"
import type { Run } from "./transaction.ts"
import { toJsonValue } from "./row-values.ts"

/** More rows than these are cut, and `truncated` says so. */
export const MAX_ROWS = 1_000

export interface StatementResult {
  rows: unknown[]
  /** Rows affected, or read. Of a query that was cut: what was kept. */
  row_count: number
  truncated?: true
}

export async function runWrite(run: Run, { text, values }: Statement): Promise<StatementResult> {
  return toResult(await run(text, values))
}

/** Through a cursor, so that a query without a limit does not fill the worker's memory. */
export async function runRead(run: Run, { text, values }: Statement): Promise<StatementResult> {
  await run(`declare holdfast_rows no scroll cursor for ${text}`, values)
  const result = toResult(await run(`fetch forward ${MAX_ROWS + 1} from holdfast_rows`))
  return { ...result, row_count: result.rows.length }
}

function toResult({ rows, rowCount }: QueryResult): StatementResult {
  return {
    // The result and its rows are two levels themselves.
    rows: rows.slice(0, MAX_ROWS).map((row) => toJsonValue(row, MAX_INLINE_OUTPUT_DEPTH - 2)),
    row_count: rowCount ?? 0,
    ...(rows.length > MAX_ROWS ? { truncated: true } : {}),
  }
}
