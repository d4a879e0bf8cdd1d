/** Four processes, one for each role: none of them can finish an order alone. */
import { Client, Connection } from "@temporalio/client"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { ROLES, type Role } from "../../src/contract/roles.ts"
import { createClient } from "../../src/sdk/client.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const call = (id: string, depends_on: string[]) => ({
  id,
  task_name: "http",
  depends_on,
  effect: "keyed",
  config: { connection: "ledger", url: `/do/${id}`, body: { task: id } },
})
const FLOW = { name: "roles", tasks: [call("pay", []), call("ship", ["pay"])] }

let database: TestDatabase
let temporal: TestTemporal
let ledger: EffectLedger
const nodes = new Map<Role, HoldfastNode>()
const nodeOf = (role: Role): HoldfastNode => {
  const node = nodes.get(role)
  if (node === undefined) throw new Error(`no ${role} was made`)
  return node
}
const stops = createStopList()

beforeAll(async () => {
  // Empty: the workers wait for the API to bring the schema.
  database = await createTestDatabase("empty")
  stops.add("the database", () => database.drop())
  ledger = await startEffectLedger()
  stops.add("the ledger", () => ledger.stop())
  temporal = await testTemporal()
  const targets = {
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    namespace: temporal.namespace,
    connections: [{ name: "ledger", kind: "http" as const, base_url: ledger.url }],
  }
  for (const role of ROLES) nodes.set(role, await createNode({ ...targets, role }))
  stops.add("the processes", () => Promise.all([...nodes.values()].map((node) => node.stop())))
  await Promise.all([...nodes.values()].map((node) => node.start()))
})
afterAll(stops.stop)

async function countDeliveries(): Promise<number> {
  return (await ledger.deliveries()).length
}

test("finish an order together, and go on when a task-worker is replaced", async () => {
  const api = createClient({ baseUrl: nodeOf("api").url })
  await api.publishFlow(FLOW)
  const order = async (id: string) => api.startTransaction({ instance_id: id, flow_id: "roles", params: {} })
  const untilStatus = async (id: string, status: string) =>
    until(
      () => api.getTransaction(id),
      (transaction) => transaction.status === status,
    )
  await order("first")
  await untilStatus("first", "success")
  expect(await countDeliveries()).toBe(2)

  await nodeOf("task-worker").kill()
  await order("second")
  const connection = await Connection.connect({ address: temporal.address })
  const client = new Client({ connection, namespace: temporal.namespace })
  // The flow-worker has decided what to call, and nobody is there who calls.
  const waiting = await until(
    () => client.workflow.getHandle("default/second").describe(),
    ({ raw }) => (raw.pendingActivities?.length ?? 0) > 0,
  )
  expect(waiting.raw.pendingActivities).toMatchObject([
    { activityId: "pay", attempt: 1, lastStartedTime: null },
  ])
  await connection.close()
  expect(await countDeliveries()).toBe(2)

  await nodeOf("task-worker").start()
  await untilStatus("second", "success")
  expect(await countDeliveries()).toBe(4)
})

test("answer nothing but health checks, unless they are the API", async () => {
  for (const role of ROLES) {
    const { url } = nodeOf(role)
    const ready = await fetch(`${url}/readyz`).then((response) => response.json())
    const isWorker = role === "flow-worker" || role === "task-worker"
    expect(ready).toEqual({
      ready: true,
      checks: { postgres: true, temporal: true, ...(isWorker ? { worker: true } : {}) },
    })
    expect((await fetch(`${url}/api/v1/flows`)).status).toBe(role === "api" ? 200 : 404)
  }
})
