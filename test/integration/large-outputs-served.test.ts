/** A large output in a whole Holdfast: what the API shows of it, and that it survives a kill and a rebuild. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Client, Connection as TemporalConnection } from "@temporalio/client"
import type { Pool } from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { createClient } from "../../src/sdk/client.ts"
import { createPool } from "../../src/store/pool.ts"
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { rebuildMirror } from "../../src/worker/mirror-rebuild.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"
import { getServers } from "../helpers/servers.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const CARD = "4111 1111 1111 1111"
const document = {
  owner: "王小明",
  card: CARD,
  lines: Array.from({ length: 30_000 }, (_, at) => `${at} ${"货".repeat(30)}`),
}
const hidden = { ...document, card: "[redacted]" }

let pool: Pool
const stops = createStopList()
let client: Client
let node: HoldfastNode
/** What the second task got, per delivery. */
const taken: unknown[] = []
let isOpen = false

const target = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    response.writeHead(200, { "content-type": "application/json" })
    if (request.url === "/big") response.end(JSON.stringify(document))
    else {
      taken.push(JSON.parse(Buffer.concat(chunks).toString("utf8")))
      // The first delivery is never answered: its worker is killed.
      if (isOpen) response.end('{"ok":true}')
    }
  })
})

beforeAll(async () => {
  quietTemporal()
  target.listen(0, "127.0.0.1")
  stops.add("the target", () => {
    target.closeAllConnections()
    target.close()
  })
  await once(target, "listening")
  const database = await createTestDatabase()
  stops.add("the database", () => database.drop())
  pool = createPool({ url: database.url })
  stops.add("the pool", () => pool.end())
  const { temporalAddress } = await getServers()
  const { namespace } = await testTemporal()
  const connection = await TemporalConnection.connect({ address: temporalAddress })
  stops.add("the connection", () => connection.close())
  client = new Client({
    connection,
    namespace,
    dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER_PATH },
  })
  const { port } = target.address() as AddressInfo
  const shop = { name: "shop", kind: "http" as const, base_url: `http://127.0.0.1:${port}`, default: true }
  node = await createNode({ databaseUrl: database.url, temporalAddress, namespace, connections: [shop] })
  stops.add("the process", () => node.stop())
  await node.start()
  await createClient({ baseUrl: node.url }).publishFlow({
    name: "large",
    mask: ["/params/card"],
    output: "${ tasks.big.output }",
    tasks: [
      { id: "big", task_name: "http", effect: "keyed", config: { url: "/big" } },
      {
        id: "take",
        task_name: "http",
        effect: "keyed",
        depends_on: ["big"],
        config: { url: "/take", body: { all: "${ tasks.big.output }", card: "${ params.card }" } },
        timeout: { attempt: "5s" },
      },
    ],
  })
})
afterAll(stops.stop)

async function get(path: string) {
  const response = await fetch(`${node.url}/api/v1${path}`)
  const text = await response.text()
  const { data } = JSON.parse(text) as { data: unknown }
  return { status: response.status, text, data }
}

const reference = {
  by_reference: {
    task: "big",
    type: "object",
    bytes: Buffer.byteLength(JSON.stringify(document)),
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    read: "GET /api/v1/transactions/{id}/tasks/big/output",
  },
}

describe("a large output", () => {
  test("reaches the next task although the worker is killed in between", async () => {
    const sdk = createClient({ baseUrl: node.url })
    await sdk.startTransaction({ instance_id: "l1", flow_id: "large", params: { card: CARD } })
    await until(
      () => taken.length,
      (length) => length === 1,
    )
    await node.kill()
    isOpen = true
    await node.start()
    await until(
      () => sdk.getTransaction("l1"),
      ({ status }) => status === "success",
    )
    expect(taken).toEqual(taken.map(() => ({ all: document, card: CARD })))
    expect(taken.length).toBeGreaterThan(1)
  })

  test.each(["/transactions/l1", "/transactions/l1?fresh=true"])(
    "is shown as what it is by %s",
    async (path) => {
      const { data, text } = await get(path)
      expect(data).toMatchObject({
        output: reference,
        tasks: [{ output_data: reference }, { output_data: { ok: true } }],
      })
      expect(text.length).toBeLessThan(8_000)
    },
  )

  test("is shown as what it is in the list of tasks, and to who waits", async () => {
    const { data } = await get("/transactions/l1/tasks")
    expect(data).toMatchObject({ list: [{ output_data: reference }, {}] })
    const response = await fetch(`${node.url}/api/v1/transactions?wait=30s`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ instance_id: "l2", flow_id: "large", params: { card: CARD } }),
    })
    expect(await response.json()).toMatchObject({ data: { status: "success", output: reference } })
  })

  test("can be read whole, without what the flow hides, as small ones can", async () => {
    expect((await get("/transactions/l1/tasks/big/output")).data).toEqual(hidden)
    expect((await get("/transactions/l1/tasks/take/output")).data).toEqual({ ok: true })
    expect((await get("/transactions/l1/tasks/none/output")).status).toBe(404)
  })

  test("is not found once it is gone", async () => {
    await pool.query("update blob set instance_id = 'away' where instance_id = 'l2'")
    const gone = await get("/transactions/l2/tasks/big/output")
    expect(gone.status).toBe(404)
    expect(gone.text).toContain('"error":"output_not_found"')
    await pool.query("update blob set instance_id = 'l2' where instance_id = 'away'")
  })

  test("is in the mirror what it is in the workflow: a difference is found, and a rebuild heals it", async () => {
    const check = async () => (await checkMirror({ pool, client })).differences
    await until(check, ({ length }) => length === 0)
    await pool.query("update txn_task set output_sha256 = null where instance_id = 'l1' and path = 'big'")
    expect(await check()).toMatchObject([{ transaction_id: "l1", key: "big", field: "output_sha256" }])
    await pool.query("delete from txn_task where instance_id = 'l1'")
    const kept = "select tenant_id, instance_id, sha256, created_at from blob order by 1, 2"
    const before = await pool.query(kept)
    const rebuilt = await rebuildMirror({ pool, client, logger: createListeningLogger() })
    expect(rebuilt).toMatchObject({ failed: [] })
    expect(await check()).toEqual([])
    expect((await pool.query(kept)).rows).toEqual(before.rows)
    expect((await get("/transactions/l1/tasks/big/output")).data).toEqual(hidden)
  })
})
