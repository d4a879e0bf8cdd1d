/** The process dies after Temporal took a decision and before anything of it is in Postgres. Then `holdfast audit`. */
import { Client, Connection } from "@temporalio/client"
import { type Pool } from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { createPool } from "../../src/store/pool.ts"
import { runCli } from "../helpers/cli.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { getServers } from "../helpers/servers.ts"
import { tamper } from "../helpers/tamper.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const FLOW = {
  name: "stops",
  tasks: [
    {
      id: "call",
      task_name: "http",
      // Nobody listens there: the call is refused.
      config: { url: "http://127.0.0.1:1/", method: "GET" },
      retry: { strategy: "no_retry" },
      on_error: "park",
    },
  ],
}

let database: TestDatabase
let pool: Pool
let temporal: TestTemporal
let node: HoldfastNode
const stops = createStopList()

beforeAll(async () => {
  database = await createTestDatabase()
  stops.add("the database", () => database.drop())
  pool = createPool({ url: database.url })
  stops.add("the pool", () => pool.end())
  temporal = await testTemporal()
  const { temporalAddress } = await getServers()
  const { namespace } = temporal
  node = await createNode({ databaseUrl: database.url, temporalAddress, namespace, connections: [] })
  stops.add("the process", () => node.stop())
  await node.start()
})
afterAll(stops.stop)

async function post(path: string, body: object, key: string): Promise<Response> {
  return fetch(`${node.url}/api/v1${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(body),
  })
}

const count = async () =>
  (await pool.query("select update_id from audit where instance_id = 'killed'")).rows.map(
    ({ update_id }) => update_id,
  )

async function acceptedUpdates(): Promise<string[]> {
  const connection = await Connection.connect({ address: temporal.address })
  try {
    const client = new Client({ connection, namespace: temporal.namespace })
    const { events } = await client.workflow.getHandle("default/killed").fetchHistory()
    return (events ?? []).flatMap(
      (event) => event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.meta?.updateId ?? [],
    )
  } finally {
    await connection.close()
  }
}

test("a decision is audited once, also when the process is killed in between", async () => {
  expect((await post("/flows", FLOW, "k-1")).status).toBe(201)
  expect((await post("/transactions", { instance_id: "killed", flow_id: "stops" }, "k-2")).status).toBe(201)
  await until(
    async () => (await pool.query("select status from txn where instance_id = 'killed'")).rows[0]?.status,
    (status) => status === "blocked",
  )
  const decision = { action: "pause", reason: "wait for the bank" }
  const holder = await pool.connect()
  try {
    await holder.query("begin")
    // Decisions can be read and not be written.
    await holder.query("lock table decision in share row exclusive mode")
    expect((await post("/transactions/killed/decisions", decision, "pause-1")).status).toBe(200)
    expect(await acceptedUpdates()).toEqual(["pause-1"])
    await node.kill()
    expect(await count()).toEqual([])
  } finally {
    await holder.query("rollback")
    holder.release()
  }
  await node.start()
  await until(count, (found) => found.length > 0, { timeoutMs: 60_000 })
  expect((await post("/transactions/killed/decisions", decision, "pause-1")).status).toBe(200)
  expect(
    (await post("/transactions/killed/decisions", { ...decision, action: "resume" }, "resume-1")).status,
  ).toBe(200)
  await until(count, (found) => found.length > 1)
  expect(await count()).toEqual(["pause-1", "resume-1"])
}, 180_000)

test("holdfast audit lists and verifies, and says what is wrong first", async () => {
  const environment = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    HOLDFAST_URL: node.url,
  }
  const audit = async (...args: string[]) => {
    const run = runCli(["audit", ...args], { cwd: "/", environment })
    const code = await run.ended
    return { code, stdout: run.stdout(), stderr: run.stderr() }
  }
  const list = await audit("list", "--transaction", "killed", "-o", "json")
  expect(list).toMatchObject({ code: 0, stderr: "" })
  expect(JSON.parse(list.stdout)).toMatchObject([
    { seq: 3, action: "resume", actor: "local", roles: ["admin"], update_id: "resume-1" },
    { seq: 2, action: "pause", actor: "local", roles: ["admin"], reason: "wait for the bank" },
  ])
  expect(await audit("verify")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^default: 3 rows in order, the last one has hash [0-9a-f]{64}\n$/),
  })
  expect(await audit("verify", "--temporal")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(
      "1 transactions compared with Temporal, 0 of them expired there, 0 decisions differ",
    ),
  })
  await tamper(pool, "delete from audit where seq = 2")
  expect(await audit("verify", "--tenant", "default")).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("default: broken at row 2, which is missing: expected row 2, came row 3"),
  })
  const both = await audit("verify", "--temporal", "-o", "json")
  expect(both.code).toBe(1)
  expect(JSON.parse(both.stdout)).toMatchObject({
    chains: [{ broken: { seq: 2, kind: "missing" } }],
    temporal: { differences: [{ transaction_id: "killed", decision_id: "pause-1", kind: "not_in_audit" }] },
  })
  expect(await audit("verify", "--odd")).toMatchObject({ code: 2 })
}, 120_000)
