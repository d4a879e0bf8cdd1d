/** Those who use the barrier, behind one face: the connector of db tasks, and a participant with the library. */
import { createHash } from "node:crypto"
import mysqlDriver from "mysql2/promise"
import pg from "pg"
import {
  connectionsOf,
  createCall,
  identity,
  localGuard,
  secretsOf,
} from "../../src/activities/calls.testsuite.ts"
import { createDbConnector } from "../../src/activities/db/connector.ts"
import { type Barrier, BarrierError, createBarrier, mysql, postgres } from "../../src/barrier/index.ts"
import { toError } from "../../src/contract/errors.ts"
import type { BusinessDatabase } from "./business-databases.ts"

export interface EffectCall {
  tenant?: string
  transaction: string
  generation?: number
  /** With `$1` or `?`, as the database has it. */
  sql: string
  args?: (string | number)[]
}

/** `code` of what was not done is the barrier's word, or that of the database's error. */
export type EffectAnswer = { done: true; output: unknown } | { done: false; code: string }

export interface BarrierUser {
  do(call: EffectCall): Promise<EffectAnswer>
  undo(call: EffectCall): Promise<EffectAnswer>
  close(): Promise<void>
}

export interface UserOptions {
  database: BusinessDatabase
  /** Where it is reached; the database's own port unless said. */
  port?: number
  poolSize?: number
}

export const BARRIER_USERS = {
  "a db task": async (options: UserOptions) => createTaskUser(options),
  "a participant": createParticipantUser,
}

function createTaskUser({ database, port, poolSize = 10 }: UserOptions): BarrierUser {
  const connector = createDbConnector({
    connections: connectionsOf({
      name: "inventory",
      ...database.connection,
      ...(port === undefined ? {} : { port }),
      password_secret: "inventory_password",
      pool_size: poolSize,
    }),
    secrets: secretsOf({ inventory_password: database.password }),
    guard: localGuard,
  })
  const call = async (
    operation: "do" | "undo",
    { tenant = identity.tenant, transaction, generation = 1, sql, args = [] }: EffectCall,
  ) => {
    const verdict = await connector.call(
      createCall({
        kind: "db",
        identity: { ...identity, tenant, transaction, generation, operation },
        config: { connection: "inventory", sql, args },
        budgetMs: 10_000,
        ...(operation === "undo" ? { undoes: "unknown" as const } : {}),
      }),
    )
    return verdict.class === "done"
      ? { done: true as const, output: verdict.output }
      : { done: false as const, code: verdict.code }
  }
  return {
    do: (one) => call("do", one),
    undo: (one) => call("undo", one),
    close: () => connector.close(),
  }
}

async function createParticipantUser(options: UserOptions): Promise<BarrierUser> {
  const { barrier, close } =
    options.database.connection.kind === "postgres" ? openPostgres(options) : openMysql(options)
  const answer = async (work: Promise<unknown>): Promise<EffectAnswer> => {
    try {
      return { done: true, output: await work }
    } catch (thrown) {
      const code: unknown = Object.getOwnPropertyDescriptor(toError(thrown), "code")?.value
      return { done: false, code: thrown instanceof BarrierError ? thrown.code : String(code) }
    }
  }
  return {
    do: (one) => answer(barrier.do(toCall(one, "do"), (run) => run(one))),
    undo: (one) => answer(barrier.undo(toCall(one, "undo"), (run) => run(one))),
    close,
  }
}

/** The callback's transaction, as the two drivers have it in common. */
type RunEffect = (call: EffectCall) => Promise<{ row_count: number | null }>

interface Participant {
  barrier: Barrier<RunEffect>
  close: () => Promise<void>
}

function openPostgres({ database, port, poolSize = 10 }: UserOptions): Participant {
  const { kind: _kind, ...where } = database.connection
  const pool = new pg.Pool({
    ...where,
    ...(port === undefined ? {} : { port }),
    password: database.password,
    max: poolSize,
    application_name: "holdfast",
  })
  pool.on("error", () => {})
  const own = createBarrier(postgres(pool))
  const toRun =
    (tx: pg.PoolClient): RunEffect =>
    async ({ sql, args = [] }) => ({
      row_count: (await tx.query(sql, args)).rowCount,
    })
  return {
    barrier: {
      do: (call, effect) => own.do(call, (tx) => effect(toRun(tx))),
      undo: (call, undoing) => own.undo(call, (tx, result) => undoing(toRun(tx), result)),
    },
    close: () => pool.end(),
  }
}

function openMysql({ database, port, poolSize = 10 }: UserOptions): Participant {
  const { kind: _kind, ...where } = database.connection
  const pool = mysqlDriver.createPool({
    ...where,
    ...(port === undefined ? {} : { port }),
    password: database.password,
    connectionLimit: poolSize,
  })
  const own = createBarrier(mysql(pool))
  const toRun =
    (tx: mysqlDriver.PoolConnection): RunEffect =>
    async ({ sql, args = [] }) => {
      const [header] = await tx.execute<mysqlDriver.ResultSetHeader>(sql, args)
      return { row_count: header.affectedRows }
    }
  return {
    barrier: {
      do: (call, effect) => own.do(call, (tx) => effect(toRun(tx))),
      undo: (call, undoing) => own.undo(call, (tx, result) => undoing(toRun(tx), result)),
    },
    close: () => pool.end(),
  }
}

function toCall(
  { tenant = identity.tenant, transaction, generation = 1, sql, args = [] }: EffectCall,
  operation: "do" | "undo",
) {
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([sql, args]))
    .digest("hex")
  return { tenant, transaction, task: identity.task, generation, operation, fingerprint }
}
