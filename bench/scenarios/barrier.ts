/**
 * What the barrier costs a bare transaction, beside the same one on the same connections. On servers as a business
 * runs them, whose commits wait for the disk; and the transaction of two statements also where they do not: there its
 * share is largest.
 */
import mysqlDriver from "mysql2/promise"
import pg from "pg"
import { createDatabase } from "../../src/activities/db/create-database.ts"
import { inTransaction } from "../../src/activities/db/transaction.ts"
import { createOutboundGuard } from "../../src/activities/index.ts"
import { createSecretStore } from "../../src/activities/secrets.ts"
import { enterBarrier } from "../../src/barrier/enter.ts"
import { createBarrier, mysql, postgres } from "../../src/barrier/index.ts"
import { type BusinessServer, OPENERS, toAccount, withServer } from "../business-server.ts"
import type { Options } from "../options.ts"
import { measureOn, type Pace, type Pair } from "./pair.ts"
import type { Finding, Scenario } from "./scenario.ts"

const CALLERS = 8
/** Of the window that an option gives a cell: the machine drifts within seconds, and the two must meet the same. */
const SLICES = 16
const TURNS = 4

const toPace = ({ windowMs, rounds, turns }: Options): Pace => ({
  callers: CALLERS,
  firstWarmUpMs: 1_000,
  warmUpMs: 100,
  windowMs: windowMs / SLICES,
  turns: rounds * turns * TURNS,
})

export const barrierOverhead: Scenario = {
  title: `transactions of ${CALLERS} callers behind the barrier, beside the same without it`,
  async runAlone(options) {
    const findings: Finding[] = []
    for (const { open, durability, pairs } of SERVERS)
      await withServer(open, durability, async (server) => {
        for (const toPair of pairs) findings.push(await measureOn(server, toPair(server), toPace(options)))
      })
    return findings
  },
}

/** Of every statement that changes one row, and so the one that the connector stores with the barrier's row. */
const ONE_ROW = JSON.stringify({ rows: [], row_count: 1 })
const OTHER = JSON.stringify({ rows: [{ id: 7 }], row_count: 1 })

const twoStatements = (server: BusinessServer) =>
  taskPair(server, { what: "a transaction of two statements", count: 2, result: ONE_ROW })

const PAIRS = [
  (server: BusinessServer) =>
    taskPair(server, { what: "a transaction of one statement", count: 1, result: ONE_ROW }),
  twoStatements,
  (server: BusinessServer) => taskPair(server, { what: "the same, answering rows", count: 2, result: OTHER }),
  participantPair,
]

const SERVERS = OPENERS.flatMap((open) => [
  { open, durability: "durable" as const, pairs: PAIRS },
  { open, durability: "lazy" as const, pairs: [twoStatements] },
])

/** The db connector's own transaction, without the call around it. */
function taskPair(
  { connection, password, statements }: BusinessServer,
  { what, count, result }: { what: string; count: 1 | 2; result: string },
): Pair {
  const database = createDatabase(
    { ...connection, name: "business", password_secret: "password", pool_size: CALLERS },
    createOutboundGuard({ allowLoopback: true }),
    createSecretStore(() => password),
  )
  const begin = () => ({
    database,
    access: "read write" as const,
    deadline: Date.now() + 10_000,
    signal: new AbortController().signal,
  })
  const effects = (serial: number) => statements(toAccount(serial)).slice(0, count)
  return {
    what,
    async without(serial) {
      await inTransaction(begin(), async (transaction) => {
        await transaction.begin()
        for (const { text, values } of effects(serial)) await transaction.run(text, values)
        return { value: undefined }
      })
    },
    async with(serial) {
      await database.ensureBarrier()
      await inTransaction(begin(), async (transaction) => {
        const key = {
          txn: `acme/${what}-${serial}`,
          task: "pay",
          generation: 1,
          fingerprint: FINGERPRINT,
        }
        const entry = await enterBarrier(database.barrier, transaction, { ...key, likelyResult: ONE_ROW })
        if (entry.state !== "entered") throw new Error(`expected a new row, got ${entry.state}`)
        for (const { text, values } of effects(serial)) await transaction.run(text, values)
        const last = database.barrier.storeResult(key, result)
        return result === ONE_ROW ? { value: undefined } : { value: undefined, last }
      })
    },
    close: () => database.close(),
  }
}

const FINGERPRINT = "0123456789abcdef".repeat(4)

/** The library, beside BEGIN and COMMIT written by hand. */
function participantPair(server: BusinessServer): Pair {
  const toCall = (serial: number) => ({
    transaction: `participant-${serial}`,
    task: "pay",
    generation: 1,
    fingerprint: FINGERPRINT,
  })
  const what = "a participant with two statements"
  return server.connection.kind === "postgres"
    ? postgresPair(server, what, toCall)
    : mysqlPair(server, what, toCall)
}

type ToCall = (serial: number) => {
  transaction: string
  task: string
  generation: number
  fingerprint: string
}

function postgresPair(
  { connection, password, statements }: BusinessServer,
  what: string,
  toCall: ToCall,
): Pair {
  const { host, port, database, user } = connection
  const pool = new pg.Pool({ host, port, database, user, password, max: CALLERS })
  // Of the server's end, which may come before the pool's.
  pool.on("error", () => {})
  const barrier = createBarrier(postgres(pool))
  const change = async (client: pg.PoolClient, serial: number) => {
    for (const { text, values } of statements(toAccount(serial))) await client.query(text, values)
    return { ok: true }
  }
  return {
    what,
    async without(serial) {
      const client = await pool.connect()
      await client.query("begin")
      await change(client, serial)
      await client.query("commit")
      client.release()
    },
    with: async (serial) => void (await barrier.do(toCall(serial), (client) => change(client, serial))),
    close: () => pool.end(),
  }
}

function mysqlPair({ connection, password, statements }: BusinessServer, what: string, toCall: ToCall): Pair {
  const { host, port, database, user } = connection
  const pool = mysqlDriver.createPool({ host, port, database, user, password, connectionLimit: CALLERS })
  const barrier = createBarrier(mysql(pool))
  const change = async (client: mysqlDriver.PoolConnection, serial: number) => {
    for (const { text, values } of statements(toAccount(serial))) await client.execute(text, values)
    return { ok: true }
  }
  return {
    what,
    async without(serial) {
      const client = await pool.getConnection()
      await client.beginTransaction()
      await change(client, serial)
      await client.commit()
      client.release()
    },
    with: async (serial) => void (await barrier.do(toCall(serial), (client) => change(client, serial))),
    close: () => pool.end(),
  }
}
