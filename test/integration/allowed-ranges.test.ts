/** Server mode, where no call reaches a private address unless the start allowed its range. */
import { afterAll, beforeAll, expect, test } from "vitest"
import { createClient, type HoldfastClient } from "../../src/sdk/client.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { createNode } from "../helpers/holdfast-node.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

let ledger: EffectLedger
const stops: (() => Promise<unknown>)[] = []
let api: HoldfastClient

beforeAll(async () => {
  const temporal = await testTemporal()
  const database = await createTestDatabase("empty")
  stops.push(() => database.drop())
  ledger = await startEffectLedger()
  stops.push(() => ledger.stop())
  const { port } = ledger
  const node = await createNode({
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    namespace: temporal.namespace,
    allowedRanges: "127.0.0.1/32",
    connections: [
      { name: "within", kind: "http", base_url: `http://127.0.0.1:${port}` },
      { name: "beside", kind: "http", base_url: `http://127.0.0.2:${port}` },
    ],
  })
  stops.push(() => node.stop())
  await node.start()
  api = createClient({ baseUrl: node.url })
})
afterAll(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

test.each([
  ["within", "success", undefined],
  ["beside", "blocked", "address_blocked"],
])("a call to an address %s the range: %s", async (connection, status, error_code) => {
  const config = { connection, url: "/do/call", body: { task: connection } }
  await api.publishFlow({ name: connection, tasks: [{ id: "call", task_name: "http", config }] })
  await api.startTransaction({ instance_id: connection, flow_id: connection, params: {} })
  await until(
    () => api.getTransaction(connection),
    (transaction) => transaction.status === status,
  )
  const exceptions = await api.listExceptions({ instance_id: connection })
  expect(exceptions.map((exception) => exception.error_code)).toEqual(
    error_code === undefined ? [] : [error_code],
  )
  expect(await ledger.deliveries()).toHaveLength(1)
})

test("23: the API refuses addresses by the same ranges", async () => {
  const publish = (host: string) =>
    api.publishFlow({
      name: `at-${host.replaceAll(".", "-")}`,
      tasks: [{ id: "call", task_name: "http", config: { url: `http://${host}/x` } }],
    })
  await expect(publish("127.0.0.2")).rejects.toThrow(/127\.0\.0\.2 is an address that flows may not call/)
  await publish("127.0.0.1")
})
