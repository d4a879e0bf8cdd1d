/** What must hold at size, without a clock: nothing starves, and a large flow gets to its end. */
import { randomUUID } from "node:crypto"
import { Client, Connection } from "@temporalio/client"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { toWorkflowId } from "../../src/contract/names.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { task } from "../helpers/ledger-task.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { type Cluster, startCluster } from "./cluster.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 20 : 2
const CALLS = 50
const TASKS = FULL ? 2_000 : 200
const LAYER = 2

let ledger: EffectLedger
let temporal: TestTemporal
let cluster: Cluster
const stops = createStopList()

beforeAll(async () => {
  ledger = await startEffectLedger()
  stops.add("the ledger", () => ledger.stop())
  const database = await createTestDatabase()
  stops.add("the database", () => database.drop())
  temporal = await testTemporal()
  cluster = await startCluster(1, {
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    namespace: temporal.namespace,
    connections: [{ name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" }],
  })
  stops.add("the cluster", () => cluster.stop())
})
afterAll(stops.stop)

async function start(flow_id: string, instance_id: string = randomUUID()): Promise<string> {
  const { status } = await cluster.call("POST", "/api/v1/transactions", { instance_id, flow_id, params: {} })
  expect(status).toBeLessThan(300)
  return instance_id
}

async function statusOf(id: string): Promise<string> {
  // Shaped by our own API, whose tests check it.
  return ((await cluster.call("GET", `/api/v1/transactions/${id}`)).data as { status: string }).status
}

function ends(id: string): Promise<string> {
  return until(
    () => statusOf(id),
    (status) => status === "success",
    { timeoutMs: 300_000, everyMs: 250 },
  )
}

test(`${TRANSACTIONS * CALLS} calls are open at once in one process, and another transaction passes them`, async () => {
  const names = Array.from({ length: CALLS }, (_, at) => `w${at}`)
  const wide = names.map((id) => task({ id, timeout: { attempt: "10m" } }))
  await cluster.call("POST", "/api/v1/flows", { definition: { name: "wide", tasks: wide } })
  await cluster.call("POST", "/api/v1/flows", {
    definition: {
      name: "small",
      tasks: [task({ id: "a" }), task({ id: "b", depends_on: ["a"] }), task({ id: "c", depends_on: ["b"] })],
    },
  })
  const ids = Array.from({ length: TRANSACTIONS }, () => randomUUID())
  for (const id of ids) for (const name of names) await ledger.misbehave(name, ["latch"], id)
  for (const id of ids) await start("wide", id)
  await until(
    async () => (await ledger.deliveries()).filter(({ fault }) => fault === "latch").length,
    (open) => open === TRANSACTIONS * CALLS,
    { timeoutMs: 180_000, everyMs: 250 },
  )
  // All of them are open and none is answered; this one needs slots, sockets and workflow tasks as well.
  await ends(await start("small"))
  expect(await ledger.release()).toBe(TRANSACTIONS * CALLS)
  for (const id of ids) await ends(id)
  expect((await ledger.deliveries()).filter(({ effect }) => effect)).toHaveLength(TRANSACTIONS * CALLS + 3)
})

test(`a flow of ${TASKS} tasks runs to its end, each of them once`, async () => {
  const idOf = (at: number) => `t${at}`
  const tasks = Array.from({ length: TASKS }, (_, at) =>
    task({ id: idOf(at), depends_on: at < LAYER ? [] : [idOf(at - LAYER)] }),
  )
  await cluster.call("POST", "/api/v1/flows", { definition: { name: "large", tasks } })
  const id = await start("large")
  await ends(id)
  // A tenth of it fits into one run.
  expect(await countRuns(id)).toBeGreaterThan(FULL ? 1 : 0)
  const effects = (await ledger.deliveries(id)).filter(({ effect }) => effect).map(({ name }) => name)
  expect(effects.toSorted()).toEqual(tasks.map((one) => one.id).toSorted())
})

async function countRuns(id: string): Promise<number> {
  const connection = await Connection.connect({ address: temporal.address })
  try {
    const { workflow } = new Client({ connection, namespace: temporal.namespace })
    const query = `WorkflowId = '${toWorkflowId("default", id)}'`
    // Temporal's own list follows a moment later.
    const counted = await until(
      () => workflow.count(query),
      ({ count }) => count > (FULL ? 1 : 0),
    )
    return counted.count
  } finally {
    await connection.close()
  }
}
