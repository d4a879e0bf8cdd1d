import type { DecisionRow, ExceptionRow, MirrorChange, TaskRow, TransactionRow } from "../../contract/rows.ts"
import { estimateBytes } from "./estimate-bytes.ts"
import { isOlder, type Order } from "./order.ts"

export interface Stamped<Row> extends Order {
  row: Row
  /** About. */
  bytes: number
}

export interface MirroredTransaction extends TransactionRow {
  /** Null in what the sweeper says of a workflow that Temporal does not know. */
  run_id: string | null
}

/** The newest state of what one transaction's lineage changed since the last flush. */
export interface Newest {
  transaction: Stamped<MirroredTransaction> | undefined
  tasks: Map<string, Stamped<TaskRow>>
  exceptions: Map<string, Stamped<ExceptionRow>>
  decisions: Map<string, DecisionRow>
  /** Newest moment at which every row that was not pending was here. */
  complete: Order | undefined
  /** Of all its rows, about. */
  bytes: number
}

export function emptyNewest(): Newest {
  return {
    transaction: undefined,
    tasks: new Map(),
    exceptions: new Map(),
    decisions: new Map(),
    complete: undefined,
    bytes: 0,
  }
}

export function toNewest(change: MirrorChange, { chain, seq }: Order): Newest {
  const { transaction, run_id } = change
  const newest = emptyNewest()
  const stamp = <Row extends object>(row: Row): Stamped<Row> => {
    const bytes = estimateBytes(row)
    newest.bytes += bytes
    return { row, chain, seq, bytes }
  }
  if (transaction) newest.transaction = stamp({ ...transaction, run_id: run_id || null })
  for (const row of change.tasks) newest.tasks.set(row.path, stamp(row))
  for (const row of change.exceptions) newest.exceptions.set(exceptionKey(row), stamp(row))
  for (const row of change.decisions) {
    newest.decisions.set(row.decision_id, row)
    newest.bytes += estimateBytes(row)
  }
  if (change.complete) newest.complete = { chain, seq }
  return newest
}

/** Folds `from` into `into`; which of the two is older does not matter. */
export function mergeNewest(into: Newest, from: Newest): void {
  into.bytes += from.bytes
  const keep = <Row>(
    one: Stamped<Row> | undefined,
    other: Stamped<Row>,
    kept: Stamped<Row>,
  ): Stamped<Row> => {
    if (one) into.bytes += kept.bytes - one.bytes - other.bytes
    return kept
  }
  const { transaction: one } = into
  if (from.transaction) into.transaction = keep(one, from.transaction, newer(one, from.transaction))
  for (const [path, task] of from.tasks) {
    const known = into.tasks.get(path)
    into.tasks.set(path, keep(known, task, mergeTask(known, task)))
  }
  for (const [key, row] of from.exceptions) {
    const known = into.exceptions.get(key)
    into.exceptions.set(key, keep(known, row, newer(known, row)))
  }
  for (const [id, row] of from.decisions) {
    if (into.decisions.has(id)) into.bytes -= estimateBytes(row)
    else into.decisions.set(id, row)
  }
  if (from.complete) into.complete = newer(into.complete, from.complete)
}

/** Of its rows, and not before `least`. */
export function newestPlace({ transaction, tasks, exceptions, complete }: Newest, least: Order): Order {
  return [transaction, ...tasks.values(), ...exceptions.values(), complete].reduce<Order>(
    (place, row) => (row && isOlder(place, row) ? row : place),
    least,
  )
}

export function countRows({ transaction, tasks, exceptions, decisions }: Newest): number {
  return (transaction ? 1 : 0) + tasks.size + exceptions.size + decisions.size
}

function exceptionKey({ task, operation, generation }: ExceptionRow): string {
  return `${generation} ${operation} ${task ?? ""}`
}

/** Of equals the second: a workflow task that is tried again writes the same history length. */
function newer<Row extends Order>(one: Row | undefined, other: Row): Row {
  return one && isOlder(other, one) ? one : other
}

/** A row that lost its payload (continue-as-new keeps no inputs, nor outputs without readers) keeps the older one's. */
function mergeTask(one: Stamped<TaskRow> | undefined, other: Stamped<TaskRow>): Stamped<TaskRow> {
  if (!one) return other
  const [older, newest] = isOlder(other, one) ? [other, one] : [one, other]
  const { row } = newest
  if (row.generation !== older.row.generation) return newest
  const input = row.input ?? older.row.input
  const { output, output_sha256 } = row.output_dropped && row.output === null ? older.row : row
  if (input === row.input && output === row.output) return newest
  const merged = { ...row, input, output, output_sha256 }
  return { ...newest, row: merged, bytes: estimateBytes(merged) }
}
