/** The primary of a business database becomes a standby while a db task is at work, and is promoted later. */
import { randomUUID } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { type LocalPostgres, startPostgres } from "../../src/local/postgres.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { createNodeApi, type NodeApi } from "../helpers/node-api.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const FLOW = {
  name: "charge",
  tasks: [
    {
      id: "pay",
      task_name: "db",
      retry: { strategy: "auto", max_attempts: 200, interval: "100ms", max_interval: "300ms" },
      timeout: { attempt: "20s" },
      config: {
        connection: "bank",
        sql: "insert into charge (id) select $1 from pg_sleep(2) returning id",
        args: ["${ params.order }"],
      },
    },
  ],
}

/** Of a BEGIN for writing; a statement that comes without one is told 25006. */
const REFUSED_BY_STANDBY = "SQLSTATE_0A000"

let directory: string
let bank: LocalPostgres
let node: HoldfastNode
let api: NodeApi
const stops = createStopList()

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "holdfast-standby-"))
  stops.add("the directory", () => rm(directory, { recursive: true, force: true }))
  bank = await startBank()
  stops.add("the bank", () => bank.stop())
  const database = await createTestDatabase()
  stops.add("the database", () => database.drop())
  await ask("create table charge (number bigint generated always as identity, id text not null)")
  const temporal = await testTemporal()
  const url = new URL(bank.url)
  node = await createNode({
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    namespace: temporal.namespace,
    connections: [
      {
        name: "bank",
        kind: "postgres",
        host: "127.0.0.1",
        port: bank.port,
        database: url.pathname.slice(1),
        user: url.username,
        password_secret: "bank",
      },
    ],
    secrets: { bank: url.password },
  })
  stops.add("the process", () => node.stop())
  await node.start()
  api = createNodeApi(node.url)
  await api.publish(FLOW)
})
afterAll(stops.stop)

function startBank(preferredPort?: number): Promise<LocalPostgres> {
  return startPostgres({
    stateDir: directory,
    environment: process.env,
    say: () => {},
    state: "kept",
    ...(preferredPort === undefined ? {} : { preferredPort }),
  })
}

async function ask(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(bank.url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** It comes back on its port, and takes no writes: everybody else is told that it is a standby now. */
async function becomeStandby(): Promise<void> {
  const [row] = await ask("show data_directory")
  await writeFile(path.join(String(row?.["data_directory"]), "standby.signal"), "")
  await bank.stop()
  bank = await startBank(bank.port)
}

interface Attempt {
  class: string
  outcome: string
  code: string | null
}
const attemptsOf = async (id: string): Promise<Attempt[]> =>
  (await api.get(`/transactions/${id}/tasks/pay/attempts?limit=100`)).list

test("14: a task that a standby refuses was not executed, and is done once after the promotion", async () => {
  const id = randomUUID()
  await api.start("charge", id, { order: id })
  await until(
    () => ask("select pid from pg_stat_activity where state = 'active' and query like 'insert into charge%'"),
    (found) => found.length === 1,
  )
  await becomeStandby()
  const refused = await until(
    () => attemptsOf(id),
    (attempts) => attempts.filter(({ code }) => code === REFUSED_BY_STANDBY).length > 2,
  )
  for (const { outcome, class: found } of refused)
    expect([found, outcome]).toEqual(["not_executed", "not_executed"])
  expect(await ask("select id from charge")).toEqual([])
  await ask("select pg_promote()")
  await api.reaches(id, "success")
  expect(await ask("select id from charge")).toEqual([{ id }])
  expect(await ask("select state from holdfast_barrier")).toEqual([{ state: "APPLIED" }])
  expect((await attemptsOf(id)).at(-1)).toMatchObject({ class: "done", outcome: "executed" })
})
