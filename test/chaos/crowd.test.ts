/**
 * Many open transactions of a large plan in a small heap: the process lives, and those that left its cache go on.
 * Only at full size would a cache without a bound end the process.
 */
import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const FULL = process.env.HOLDFAST_SOAK === "full"
const TRANSACTIONS = FULL ? 5_000 : 500
const HEAP_MIB = FULL ? 1_024 : 128
const TASKS = 500
/** The first of those, which left the cache long ago. */
const WOKEN = 20
const CALLERS = 20

let node: HoldfastNode
const stops = createStopList()

beforeAll(async () => {
  const database = await createTestDatabase()
  stops.add("the database", () => database.drop())
  const temporal = await testTemporal()
  node = await createNode({
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    namespace: temporal.namespace,
    connections: [],
    heapMib: HEAP_MIB,
  })
  stops.add("the process", () => node.stop())
  await node.start()
})
afterAll(stops.stop)

async function post(route: string, body: unknown): Promise<void> {
  const response = await fetch(`${node.url}/api/v1${route}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${route} answered ${response.status}: ${await response.text()}`)
}

async function countStatus(status: string): Promise<number> {
  const response = await fetch(`${node.url}/api/v1/transactions?status=${status}&page_size=1`)
  // Shaped by our own API, whose tests check it.
  const { data } = (await response.json()) as { data: { pagination: { total: number } } }
  return data.pagination.total
}

test(
  `${TRANSACTIONS} open transactions of ${TASKS} tasks live in a heap of ${HEAP_MIB} MiB`,
  async () => {
    const rest = Array.from({ length: TASKS - 1 }, (_, at) => ({
      id: `t${at}`,
      task_name: "http",
      depends_on: ["first"],
      when: "${ params.go }",
      config: { url: node.url, body: { task: at } },
    }))
    // Nobody listens for this method there: it parks.
    const first = { id: "first", task_name: "http", config: { url: `${node.url}/nowhere` } }
    await post("/flows", { definition: { name: "crowd", tasks: [first, ...rest] } })
    const ids = Array.from({ length: TRANSACTIONS }, () => randomUUID())
    const queue = ids.values()
    const caller = async () => {
      for (const instance_id of queue)
        await post("/transactions", { instance_id, flow_id: "crowd", params: { go: false } })
    }
    await Promise.all(Array.from({ length: CALLERS }, caller))
    const patience = { timeoutMs: FULL ? 900_000 : 180_000, everyMs: 500 }
    await until(
      () => countStatus("blocked"),
      (count) => count === TRANSACTIONS,
      patience,
    )
    for (const id of ids.slice(0, WOKEN))
      await post(`/transactions/${id}/decisions`, {
        action: "complete",
        task: "first",
        reason: "nobody needs it",
        output: {},
      })
    await until(
      () => countStatus("success"),
      (count) => count === WOKEN,
      patience,
    )
    // A process that had died would not have come back by itself.
    expect((await fetch(`${node.url}/readyz`)).status).toBe(200)
  },
  FULL ? 1_800_000 : 300_000,
)
