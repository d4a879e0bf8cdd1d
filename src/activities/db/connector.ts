import { setTimeout as sleep } from "node:timers/promises"
import {
  type BarrierKey,
  BarrierMoved,
  type BarrierTransaction,
  enterBarrier,
  enterUndo,
  type Entry,
  type UndoEntry,
} from "../../barrier/enter.ts"
import { CONNECTION_KINDS_OF_TASK, type DbConnection } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import type { LateConfig } from "../../contract/activities.ts"
import { ExpressionError } from "../../expression/error.ts"
import { createMeter } from "../../expression/meter.ts"
import { render } from "../../expression/render.ts"
import { abortable } from "../abortable.ts"
import {
  type CallRequest,
  type Connector,
  type Evidence,
  type Failed,
  Misconfigured,
  type Verdict,
} from "../call.ts"
import { createClientPool } from "../client-pool.ts"
import { type ConnectionSource, getConnection } from "../connection-source.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import type { SecretStore } from "../secrets.ts"
import { createDatabase } from "./create-database.ts"
import { barrierKeyOf } from "./barrier-key.ts"
import type { Database } from "./database.ts"
import { isConflict, toFailedVerdict } from "./failure.ts"
import { runRead, runWrite, type StatementResult } from "./run-statement.ts"
import { meetsExpectation, type Statement } from "./statement.ts"
import { inTransaction, RolledBack, type Transaction, TransactionFailed, type Work } from "./transaction.ts"

/** Of a conflict with other transactions (40001, 40P01), the first try included. */
const MAX_TRIES = 5
/** Of the result, as JSON, in the barrier row. */
const MAX_RESULT_BYTES = 1024 * 1024
const RESOLVE_MS = 500
/** As `toStored` writes it: most statements change one row. */
const LIKELY_RESULT = JSON.stringify({ rows: [], row_count: 1 } satisfies StatementResult)
/** Codes of credentials that the server does not take. */
const CREDENTIALS = /^(?:SQLSTATE_28|MYSQL_(?:1045|1698)$)/

export interface DbConnectorDeps {
  connections: ConnectionSource
  secrets: SecretStore
  guard: OutboundGuard
}

interface Trip {
  request: CallRequest
  database: Database
  statement: Statement
  key: BarrierKey
  deadline: number
  evidence: Evidence
}

/**
 * Database tasks on Postgres: one statement in one transaction with its barrier row (design 4.3), so that a
 * repeat under the same key answers the stored result instead of running again. Config: `connection`, and
 * `operation`, `table`, `data`, `where`, `allow_all`, or constant `sql` with `args` ($1, $2, ...); `expect_rows`.
 * With effect `read` the transaction is read-only and has no barrier. A compensation closes the row of its task, and
 * runs its statement only where the row says that there is something to undo. Output: `{rows, row_count, truncated?}`.
 * Refused by the server or by `expect_rows`: nothing stays, the barrier row included. Source of the classes:
 * transactions reference, 6.1 and 6.5. Codes: `SQLSTATE_<state>`, `expect_rows`, `key_reused`,
 * `rejected_after_compensation`, `commit_lost`, `connection_lost`, `connection_failed`, `result_too_large`,
 * `result_too_deep`, `sql_writes_in_read`, `sql_invalid`, `value_not_scalar`, `where_required`,
 * `expect_rows_invalid`, `barrier_missing`, `connection_*`, `secret_missing`, `address_blocked`, and Node's for
 * failed dials.
 */
export function createDbConnector({ connections, secrets, guard }: DbConnectorDeps): Connector {
  const databases = createClientPool(
    (connection: DbConnection) => createDatabase(connection, guard, secrets),
    (database) => database.close(),
    secrets.stampOf,
  )
  return {
    async call(request) {
      const connection = getConnection(connections, request.config["connection"], CONNECTION_KINDS_OF_TASK.db)
      const database = databases.get(connection)
      const statement = request.late === undefined ? database.compile(request.config) : NO_STATEMENT
      const { text, values } = statement
      const trip: Trip = {
        request,
        database,
        statement,
        key: barrierKeyOf(request),
        deadline: Date.now() + request.budgetMs,
        evidence: { request: { database: database.name, sql: text, args: values } },
      }
      const verdict = await callBy(trip)
      // The secret may have been renewed: the next attempt reads it again.
      if (verdict.class !== "done" && CREDENTIALS.test(verdict.code)) void databases.drop(database)
      return { ...verdict, evidence: { ...verdict.evidence, peer: database.peer() } }
    },
    close: () => databases.close(),
  }
}

function callBy(trip: Trip): Promise<Verdict> {
  const { effect, undoes } = trip.request
  if (effect === "read") return read(trip)
  return write(trip, undoes === undefined ? DO : UNDO)
}

async function read(trip: Trip): Promise<Verdict> {
  const { request, statement, evidence } = trip
  if (!statement.isQuery)
    throw new Misconfigured("sql_writes_in_read", "the task's effect is read, and its statement is no query")
  const { database, deadline } = trip
  const options = { database, deadline, signal: request.signal, access: "read only" as const }
  return withoutConflicts(request.signal, async (mayRetry) => {
    try {
      const result = await inTransaction(options, async (transaction) => {
        await transaction.begin()
        const rows = await runRead(transaction, statement)
        assertExpected(rows, trip)
        return { value: rows }
      })
      return toDone(result, evidence)
    } catch (thrown) {
      if (thrown instanceof RolledBack) return toVerdict(thrown)
      const failure = toTransactionFailed(thrown)
      if (isConflict(failure, database, trip.statement) && mayRetry) return "again"
      return toFailedVerdict(failure, { database, access: "read only", evidence })
    }
  })
}

/** Of a compensation, until the barrier says what there is to undo. */
const NO_STATEMENT: Statement = { text: "", values: [], isQuery: false, expectRows: undefined }

/** The two halves of the barrier. */
interface Half {
  /** The transaction, with the effect or its undoing in it. Answers the output. */
  carryOut: (trip: Trip) => Promise<unknown>
  /** What the barrier shows after the answer to COMMIT was lost; undefined when nothing was kept. */
  lookUp: (trip: Trip) => Promise<Verdict | undefined>
}

const DO: Half = { carryOut: apply, lookUp: lookUpDo }
const UNDO: Half = { carryOut: undo, lookUp: lookUpUndo }

async function write(trip: Trip, half: Half): Promise<Verdict> {
  const { request, database, evidence } = trip
  const verdict = await withoutConflicts(request.signal, async (mayRetry) => {
    try {
      return toDone(await half.carryOut(trip), evidence)
    } catch (thrown) {
      if (thrown instanceof RolledBack) return toVerdict(thrown)
      const failure = toTransactionFailed(thrown)
      if (failure.phase === "commit") return resolveCommit(trip, half, failure)
      const hasMoved = failure.cause instanceof BarrierMoved || isConflict(failure, database, trip.statement)
      if (hasMoved && mayRetry) return "again"
      return toFailedVerdict(failure, { database, access: "read write", evidence })
    }
  })
  return verdict.class === "done" ? verdict : { ...verdict, barrier: true }
}

async function apply(trip: Trip): Promise<StatementResult> {
  const { database, statement, key } = trip
  return behindBarrier(trip, async (transaction) => {
    const entry = await enterBarrier(database.barrier, transaction, { ...key, likelyResult: LIKELY_RESULT })
    if (entry.state !== "entered") throw new RolledBack(fromEntry(entry, trip))
    const result = await runWrite(transaction, statement)
    assertExpected(result, trip)
    const stored = toStored(result, trip)
    return stored === LIKELY_RESULT
      ? { value: result }
      : { value: result, last: database.barrier.storeResult(key, stored) }
  })
}

/** Null where there was nothing to undo. */
async function undo(trip: Trip): Promise<unknown> {
  const { database, key } = trip
  return behindBarrier(trip, async (transaction) => {
    const entry = await enterUndo(database.barrier, transaction, key)
    // Done by other means, as a person said: there is no row, and there is an effect.
    const isElsewhere = entry.state === "nothing" && trip.request.undoes === "executed"
    if (entry.state === "nothing" && !isElsewhere) return { value: null }
    if (entry.state === "replay") throw new RolledBack(fromUndoEntry(entry, trip))
    const statement = toUndoStatement(trip, entry.state === "entered" ? entry.result : null)
    const result = await runWrite(transaction, statement)
    assertExpected(result, { ...trip, statement })
    return { value: result, last: database.barrier.close(key, toStored(result, trip)) }
  })
}

/** What was done may have a result that only the barrier knows. */
function toUndoStatement({ request, database, statement }: Trip, result: unknown): Statement {
  const { late } = request
  if (late === undefined) return statement
  try {
    return database.compile(renderLate(late, result))
  } catch (thrown) {
    if (!(thrown instanceof ExpressionError)) throw thrown
    throw new Misconfigured("expression_error", `${thrown.code}: ${thrown.message}`, { cause: thrown })
  }
}

function renderLate(late: LateConfig, result: unknown): Record<string, unknown> {
  const meter = createMeter()
  const output =
    late.output === undefined
      ? result
      : render(late.output, { output: result, input: late.scope["input"] ?? null }, meter)
  const config = render(late.config, { ...late.scope, output, outcome: "executed" }, meter)
  // The schema of every kind makes `config` an object, and rendering keeps the shape.
  return config as Record<string, unknown>
}

async function behindBarrier<T>(
  trip: Trip,
  work: (transaction: Transaction) => Promise<Work<T>>,
): Promise<T> {
  const { database, deadline, request } = trip
  const { signal } = request
  await abortable(database.ensureBarrier(), signal).catch((thrown: unknown) => {
    throw new TransactionFailed("connect", toError(thrown))
  })
  return inTransaction({ database, deadline, signal, access: "read write" }, work)
}

function toStored(result: StatementResult, trip: Trip): string {
  const json = JSON.stringify(result)
  if (Buffer.byteLength(json) <= MAX_RESULT_BYTES) return json
  const message = `the result is larger than ${MAX_RESULT_BYTES} bytes of JSON; nothing was changed: return fewer columns or rows`
  throw new RolledBack(failed(trip, { class: "misconfigured", code: "result_too_large", message }))
}

/** What the barrier had to say, where it did not let the call through. */
function fromEntry(entry: Exclude<Entry, { state: "entered" }>, trip: Trip): Verdict {
  switch (entry.state) {
    case "replay":
      return { ...toDone(entry.result, trip.evidence), note: "replayed from the barrier" }
    case "key_reused":
      return failed(trip, {
        class: "misconfigured",
        code: "key_reused",
        left: "unknown",
        message: "another request was carried out under this key",
      })
    case "rejected_after_compensation":
      return failed(trip, {
        class: "refused",
        code: "rejected_after_compensation",
        message: "the task was compensated before this attempt came: it must not run any more",
      })
  }
}

/**
 * The answer to COMMIT is missing. On a connection of its own the barrier row is asked for by inserting it: that
 * waits for the lost transaction, if it still runs, and succeeds only if it left nothing.
 */
async function resolveCommit(trip: Trip, half: Half, failure: TransactionFailed): Promise<Verdict> {
  try {
    const found = await half.lookUp(trip)
    if (found !== undefined) return found
    const message = `the connection was lost in COMMIT, and the barrier shows that nothing was kept: ${failure.message}`
    return failed(trip, { class: "not_executed", code: "commit_lost", message })
  } catch (thrown) {
    const message = `the answer to COMMIT is missing (${failure.message}), and the barrier could not be asked: ${toError(thrown).message}`
    return failed(trip, { class: "unknown", code: "commit_lost", message })
  }
}

async function lookUpDo(trip: Trip): Promise<Verdict | undefined> {
  const { database, key } = trip
  const entry = await askBarrier(trip, (transaction) => enterBarrier(database.barrier, transaction, key))
  return entry.state === "entered" ? undefined : fromEntry(entry, trip)
}

async function lookUpUndo(trip: Trip): Promise<Verdict | undefined> {
  const { database, key } = trip
  const entry = await askBarrier(trip, (transaction) => enterUndo(database.barrier, transaction, key))
  return entry.state === "replay" ? fromUndoEntry(entry, trip) : undefined
}

function fromUndoEntry({ result }: Extract<UndoEntry, { state: "replay" }>, trip: Trip): Verdict {
  return { ...toDone(result, trip.evidence), note: "replayed from the barrier" }
}

async function askBarrier<Found>(
  { database }: Trip,
  ask: (transaction: BarrierTransaction) => Promise<Found>,
): Promise<Found> {
  const session = await database.openFresh(RESOLVE_MS)
  const limits = { access: "read write", statementMs: RESOLVE_MS, lockMs: RESOLVE_MS } as const
  try {
    const entering = ask({ begin: (first) => session.begin(limits, first), run: session.run })
    // Not every server can be told to bound a wait as short as this.
    const entry = await abortable(entering, AbortSignal.timeout(2 * RESOLVE_MS))
    // Whether it is told or not: the session is given up.
    await abortable(session.rollBack(), AbortSignal.timeout(RESOLVE_MS)).catch(() => undefined)
    return entry
  } finally {
    session.discard()
  }
}

function assertExpected(result: StatementResult, trip: Trip): void {
  const { expectRows } = trip.statement
  if (expectRows === undefined || meetsExpectation(expectRows, result.row_count)) return
  const { compare, count } = expectRows
  const wanted = `${compare === ">=" ? "at least " : ""}${count}`
  const message = `the statement met ${result.row_count} rows, expected ${wanted}; nothing was changed`
  throw new RolledBack(failed(trip, { class: "refused", code: "expect_rows", message }))
}

async function withoutConflicts(
  signal: AbortSignal,
  once: (mayRetry: boolean) => Promise<Verdict | "again">,
): Promise<Verdict> {
  for (let tries = 1; ; tries++) {
    const verdict = await once(tries < MAX_TRIES && !signal.aborted)
    if (verdict !== "again") return verdict
    await sleep(Math.random() * 20 * 2 ** tries)
  }
}

function toDone(result: unknown, evidence: Evidence): Verdict & { class: "done" } {
  return { class: "done", output: result, evidence: { ...evidence, response: result } }
}

function failed({ evidence }: Trip, failure: Omit<Failed, "evidence">): Failed {
  return { ...failure, evidence }
}

function toVerdict({ value }: RolledBack<unknown>): Verdict {
  // Nothing else is rolled back with in this file.
  return value as Verdict
}

/** What is neither is a bug of ours before COMMIT, and the transaction was rolled back with it. */
function toTransactionFailed(thrown: unknown): TransactionFailed {
  return thrown instanceof TransactionFailed ? thrown : new TransactionFailed("work", toError(thrown))
}
