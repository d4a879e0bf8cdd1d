import { setTimeout as sleep } from "node:timers/promises"
import { CONNECTION_KINDS_OF_TASK, type DbConnection } from "../../contract/connections.ts"
import { toError } from "../../contract/errors.ts"
import { abortable } from "../abortable.ts"
import { type BarrierKey, barrierKeyOf, enterBarrier, type Entry } from "../barrier/enter.ts"
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
import type { Database } from "./database.ts"
import { isConflict, toFailedVerdict } from "./failure.ts"
import { runRead, runWrite, type StatementResult } from "./run-statement.ts"
import { meetsExpectation, type Statement } from "./statement.ts"
import { inTransaction, RolledBack, TransactionFailed } from "./transaction.ts"

/** Of a conflict with other transactions (40001, 40P01), the first try included. */
const MAX_TRIES = 5
/** Of the result, as JSON, in the barrier row. */
const MAX_RESULT_BYTES = 1024 * 1024
const RESOLVE_MS = 500
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
 * With effect `read` the transaction is read-only and has no barrier. Output: `{rows, row_count, truncated?}`.
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
      const statement = database.compile(request.config)
      const { text, values } = statement
      const trip: Trip = {
        request,
        database,
        statement,
        key: barrierKeyOf(request.identity, request.fingerprint),
        deadline: Date.now() + request.budgetMs,
        evidence: { request: { database: database.name, sql: text, args: values } },
      }
      const verdict = await (request.effect === "read" ? read(trip) : write(trip))
      // The secret may have been renewed: the next attempt reads it again.
      if (verdict.class !== "done" && CREDENTIALS.test(verdict.code)) void databases.drop(database)
      return { ...verdict, evidence: { ...verdict.evidence, peer: database.peer() } }
    },
    close: () => databases.close(),
  }
}

async function read(trip: Trip): Promise<Verdict> {
  const { request, statement, evidence } = trip
  if (!statement.isQuery)
    throw new Misconfigured("sql_writes_in_read", "the task's effect is read, and its statement is no query")
  const { database, deadline } = trip
  const options = { database, deadline, signal: request.signal, access: "read only" as const }
  return withoutConflicts(request.signal, async (mayRetry) => {
    try {
      const result = await inTransaction(options, async (queries) => {
        const rows = await runRead(queries, statement)
        assertExpected(rows, trip)
        return rows
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

async function write(trip: Trip): Promise<Verdict> {
  const { request, database, evidence } = trip
  const verdict = await withoutConflicts(request.signal, async (mayRetry) => {
    try {
      return toDone(await apply(trip), evidence)
    } catch (thrown) {
      if (thrown instanceof RolledBack) return toVerdict(thrown)
      const failure = toTransactionFailed(thrown)
      if (failure.phase === "commit") return resolveCommit(trip, failure)
      if (isConflict(failure, database, trip.statement) && mayRetry) return "again"
      return toFailedVerdict(failure, { database, access: "read write", evidence })
    }
  })
  return verdict.class === "done" ? verdict : { ...verdict, barrier: true }
}

async function apply(trip: Trip): Promise<StatementResult> {
  const { database, deadline, request, statement, key } = trip
  const { signal } = request
  await abortable(database.ensureBarrier(), signal).catch((thrown: unknown) => {
    throw new TransactionFailed("connect", toError(thrown))
  })
  return inTransaction({ database, deadline, signal, access: "read write" }, async (queries) => {
    const entry = await enterBarrier(database.barrier, queries.run, key)
    if (entry.state !== "entered") throw new RolledBack(fromEntry(entry, trip))
    const result = await runWrite(queries, statement)
    assertExpected(result, trip)
    const json = JSON.stringify(result)
    if (Buffer.byteLength(json) > MAX_RESULT_BYTES)
      throw new RolledBack(
        failed(trip, {
          class: "misconfigured",
          code: "result_too_large",
          message: `the result is larger than ${MAX_RESULT_BYTES} bytes of JSON; nothing was changed: return fewer columns or rows`,
        }),
      )
    await database.barrier.storeResult(queries.run, key, json)
    return result
  })
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
async function resolveCommit(trip: Trip, failure: TransactionFailed): Promise<Verdict> {
  try {
    const entry = await askBarrier(trip)
    if (entry.state !== "entered") return fromEntry(entry, trip)
    const message = `the connection was lost in COMMIT, and the barrier shows that nothing was kept: ${failure.message}`
    return failed(trip, { class: "not_executed", code: "commit_lost", message })
  } catch (thrown) {
    const message = `the answer to COMMIT is missing (${failure.message}), and the barrier could not be asked: ${toError(thrown).message}`
    return failed(trip, { class: "unknown", code: "commit_lost", message })
  }
}

async function askBarrier({ database, key }: Trip): Promise<Entry> {
  const session = await database.openFresh(RESOLVE_MS)
  try {
    await session.begin({ access: "read write", statementMs: RESOLVE_MS, lockMs: RESOLVE_MS })
    // Not every server can be told to bound a wait as short as this.
    const entering = enterBarrier(database.barrier, session.run, key)
    const entry = await abortable(entering, AbortSignal.timeout(2 * RESOLVE_MS))
    await session.rollBack()
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
