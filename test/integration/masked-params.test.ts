/** What a flow's `mask` names is in no answer of the API, also when a target gives it back and the task parks. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createClient } from "../../src/sdk/client.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { getServers } from "../helpers/servers.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const CARD = "4111 1111/1111 1111"
/** As it is, as JSON within JSON, and as part of a URL. */
const SPELLINGS = [CARD, "4111 1111\\/1111", encodeURIComponent(CARD), CARD.replaceAll(" ", "+")]

let node: HoldfastNode
const stops: (() => unknown)[] = []

beforeAll(async () => {
  const target = createServer((request, response) => {
    let body = ""
    request.on("data", (chunk: Buffer) => (body += chunk.toString()))
    request.on("end", () => {
      response.writeHead(request.url === "/refuse" ? 422 : 200, { "content-type": "application/json" })
      response.end(JSON.stringify({ message: `got ${body}`, number: CARD, amount: 5 }))
    })
  })
  target.listen(0, "127.0.0.1")
  await once(target, "listening")
  stops.push(() => {
    target.closeAllConnections()
    target.close()
  })
  const database = await createTestDatabase()
  stops.push(() => database.drop())
  const { temporalAddress } = await getServers()
  const { namespace } = await testTemporal()
  const { port } = target.address() as AddressInfo
  const shop = { name: "shop", kind: "http" as const, base_url: `http://127.0.0.1:${port}`, default: true }
  node = await createNode({ databaseUrl: database.url, temporalAddress, namespace, connections: [shop] })
  stops.push(() => node.stop())
  await node.start()
})
afterAll(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

test("a masked value is in no answer, and the target got it", async () => {
  const client = createClient({ baseUrl: node.url })
  const call = (id: string, url: string, more: object) => ({
    id,
    task_name: "http",
    config: { url, method: "POST", body: { card: "${ params.card }", amount: "${ params.amount }" } },
    retry: { strategy: "no_retry" },
    on_error: "park",
    ...more,
  })
  await client.publishFlow({
    name: "masked",
    mask: ["/params/card"],
    tasks: [call("pay", "/pay", {}), call("refuse", "/refuse", { depends_on: ["pay"] })],
  })
  await client.startTransaction({
    instance_id: "m1",
    flow_id: "masked",
    params: { card: CARD, amount: 5 },
  })
  await until(
    () => client.getTransaction("m1"),
    ({ status }) => status === "blocked",
  )
  const ask = async (path: string) => {
    const response = await fetch(`${node.url}/api/v1${path}`)
    expect(response.status, path).toBe(200)
    return response.text()
  }
  // Attempts are written beside the flow.
  for (const task of ["pay", "refuse"])
    await until(
      () => ask(`/transactions/m1/tasks/${task}/attempts`),
      (answer) => answer.includes('"started_at"'),
    )
  const answers = await Promise.all(
    [
      "/transactions/m1",
      "/transactions/m1?fresh=true",
      "/transactions/m1/tasks",
      "/transactions/m1/tasks/pay/attempts",
      "/transactions/m1/tasks/refuse/attempts",
      "/transactions/m1/logs",
      "/transactions/m1/timeline",
      "/transactions",
      "/exceptions",
      "/exceptions/groups",
      "/exceptions/1",
    ].map(async (path) => `${path} ${await ask(path)}`),
  )
  const leaks = answers.filter((answer) => SPELLINGS.some((spelling) => answer.includes(spelling)))
  expect(leaks).toEqual([])
  const [transaction] = answers
  expect(transaction).toContain('"params":{"card":"[redacted]","amount":5}')
  // The target answers what it got: its own words came through, without the value.
  expect(answers.filter((answer) => answer.includes('got {\\"')).length).toBeGreaterThan(2)
})
