import { createServer, type Server } from "node:http"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { startApi, type ApiServer } from "../../src/api/main.ts"
import { createMirrorWriter, type MirrorWriter } from "../../src/store/mirror/writer.ts"
import { confirmEnd } from "../../src/store/queries/confirm-end.ts"
import { type ApiRig, startApiRig } from "../helpers/api-rig.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { mirrorChange, taskRow, transactionRow } from "../helpers/mirror-rows.ts"
import { getServers } from "../helpers/servers.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

let rig: ApiRig
let server: ApiServer
let writer: MirrorWriter
let historyLength = 3
const stops = createStopList()

beforeAll(async () => {
  rig = await startApiRig({ connections: [{ name: "shop", kind: "http" }] })
  stops.add("the rig", () => rig.stop())
  server = await startApi({ app: rig.app, host: "127.0.0.1", port: 0, auth: { mode: "off" } })
  stops.add("the server", () => server.stop())
  stops.add("the events", () => rig.dependencies.events.close())
  writer = createMirrorWriter({ pool: rig.pool, logger: createListeningLogger() })
  stops.add("the writer", () => writer.close())
  const definition = {
    name: "order",
    tasks: [{ id: "pay", task_name: "http", config: { url: "/pay", connection: "shop" } }],
  }
  await rig.call("POST", "/api/v1/flows", { body: { definition } })
})
afterAll(stops.stop)

async function write(instanceId: string, change: Parameters<typeof mirrorChange>[0]): Promise<void> {
  const identity = { transaction_id: instanceId, workflow_id: `default/${instanceId}` }
  writer.push(mirrorChange({ ...identity, history_length: historyLength++, ...change }))
  await writer.flush()
}

async function end(instanceId: string): Promise<void> {
  await write(instanceId, { transaction: transactionRow({ status: "success" }) })
  await confirmEnd(rig.pool, { tenant: "default", transaction_id: instanceId, run_id: "run-1" })
}

interface Told {
  id: number
  type: string
  data: Record<string, unknown>
}

/** Reads a stream as it comes. */
async function follow(instanceId: string, headers: Record<string, string> = {}) {
  const leaving = new AbortController()
  const response = await fetch(`${server.url}/api/v1/transactions/${instanceId}/events`, {
    headers,
    signal: leaving.signal,
  })
  const told: Told[] = []
  const over = (async () => {
    let text = ""
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      const blocks = text.split("\n\n")
      text = blocks.pop() ?? ""
      for (const block of blocks) {
        const [, data] = /^data: (.*)$/m.exec(block) ?? []
        if (data !== undefined) told.push(JSON.parse(data))
      }
    }
  })()
  return { response, told, over, leave: () => leaving.abort() }
}

const followers = () => rig.dependencies.events.subscribers()
const nobodyIsLeft = () => until(followers, (count) => count === 0)
const typesOf = (told: Told[]) => told.map(({ type }) => type)

describe("GET /api/v1/transactions/{id}/events", () => {
  test("tells what happened before and what happens, and ends with the end", async () => {
    await insertStoredTransaction(rig.pool, { instanceId: "told" })
    await write("told", { transaction: transactionRow(), tasks: [taskRow()] })
    const { response, told, over } = await follow("told")
    expect(response.status).toBe(200)
    expect(response.headers.get("content-type")).toBe("text/event-stream")
    await until(
      () => told.length,
      (count) => count === 2,
    )
    await write("told", { tasks: [taskRow({ status: "success" })] })
    await end("told")
    await over
    expect(typesOf(told)).toEqual([
      "task.updated",
      "transaction.updated",
      "task.updated",
      "transaction.updated",
      "transaction.ended",
    ])
    expect(told[2]).toMatchObject({ instance_id: "told", data: { task_id: "pay", status: "success" } })
    expect(followers()).toBe(0)
  })

  test("goes on after Last-Event-ID, and has nothing more to say after the end", async () => {
    await insertStoredTransaction(rig.pool, { instanceId: "again" })
    await write("again", { transaction: transactionRow(), tasks: [taskRow()] })
    const first = await follow("again")
    await until(
      () => first.told.length,
      (count) => count === 2,
    )
    first.leave()
    await expect(first.over).rejects.toThrow("abort")
    await nobodyIsLeft()
    await end("again")
    const second = await follow("again", { "last-event-id": String(first.told[0]?.id) })
    await second.over
    expect(typesOf(second.told)).toEqual(["transaction.updated", "transaction.updated", "transaction.ended"])
    expect(second.told[0]).toEqual(first.told[1])
    const third = await follow("again", { "last-event-id": String(second.told.at(-1)?.id) })
    expect(third.response.status).toBe(204)
  })

  test("hears each of many transactions, and those who leave leave nothing", async () => {
    const names = Array.from({ length: 30 }, (_, at) => `many_${at}`)
    for (const instanceId of names) await insertStoredTransaction(rig.pool, { instanceId })
    const streams = await Promise.all(names.map((name) => follow(name)))
    expect(followers()).toBe(30)
    const { rows } = await rig.pool.query(
      "select count(*)::int as count from pg_stat_activity where query = 'listen holdfast_event' and datname = current_database()",
    )
    expect(rows).toEqual([{ count: 1 }])
    await Promise.all(names.map((name) => write(name, { tasks: [taskRow({ status: "success" })] })))
    for (const { told } of streams)
      await until(
        () => told.length,
        (count) => count === 1,
      )
    for (const { leave, over } of streams) {
      leave()
      await over.catch(() => {})
    }
    await nobodyIsLeft()
  })

  test("goes on when the connection that listens is cut", async () => {
    await insertStoredTransaction(rig.pool, { instanceId: "cut" })
    const stream = await follow("cut")
    const cut = await rig.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen holdfast_event' and datname = current_database()",
    )
    expect(cut.rowCount).toBe(1)
    await end("cut")
    await stream.over
    expect(typesOf(stream.told)).toEqual(["transaction.updated", "transaction.ended"])
  })

  test("reads no further than its reader does", async () => {
    await insertStoredTransaction(rig.pool, { instanceId: "slow" })
    await rig.pool.query(
      `insert into event (tenant_id, instance_id, type, data)
       select 'default', 'slow', 'task.updated', '{}' from generate_series(1, 1000)`,
    )
    const response = await rig.app.request("/api/v1/transactions/slow/events")
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const read = async () => (await reader?.read())?.value ?? ""
    expect(await read()).toBe("retry: 2000\n\n")
    const page = await read()
    const [newest] = (/.*^id: (\d+)$/ms.exec(page) ?? []).slice(1)
    expect(page.match(/^id: /gm)).toHaveLength(100)
    // Room for reads ahead, if there were any.
    for (let turn = 0; turn < 50; turn++) await rig.pool.query("select 1")
    // Whatever was read ahead beyond one page would still be told.
    await rig.pool.query("delete from event where instance_id = 'slow' and id > $1 + 200", [newest])
    await end("slow")
    let rest = ""
    for (let text = await read(); text !== ""; text = await read()) rest += text
    expect(rest.match(/^id: /gm)?.length).toBeLessThanOrEqual(202)
    expect(rest).toContain("event: transaction.ended")
    await nobodyIsLeft()
  })

  test("ends when the server stops", async () => {
    await insertStoredTransaction(rig.pool, { instanceId: "stopped" })
    const other = await startApiRig()
    try {
      await insertStoredTransaction(other.pool, { instanceId: "stopped" })
      const brief = await startApi({ app: other.app, host: "127.0.0.1", port: 0, auth: { mode: "off" } })
      const response = await fetch(`${brief.url}/api/v1/transactions/stopped/events`)
      const text = response.text()
      await other.dependencies.events.close()
      await brief.stop()
      expect(await text).toBe("retry: 2000\n\n")
    } finally {
      await other.stop()
    }
  })
})

describe("POST /api/v1/transactions?wait=", () => {
  const start = (instance_id: string, query = "", headers: Record<string, string> = {}) =>
    rig.call("POST", `/api/v1/transactions${query}`, { body: { instance_id, flow_id: "order" }, headers })

  test.each(["0", "0s", "61s", "2m", "-1", "soon", "", "1e1"])("refuses wait=%s", async (wait) => {
    const answer = await start("refused", `?wait=${wait}`)
    expect(answer.json).toMatchObject({
      status: 400,
      error: "request_invalid",
      errors: [{ pointer: "/query/wait", detail: expect.stringContaining("1ms to 60s") }],
    })
    expect((await rig.call("GET", "/api/v1/transactions/refused")).status).toBe(404)
  })

  test("answers with what is there when the time is over", async () => {
    const answer = await start("late", "?wait=50ms")
    expect(answer.status).toBe(201)
    expect(answer.data).toMatchObject({ instance_id: "late", status: "pending", tasks: [{ task_id: "pay" }] })
    expect(answer.headers.get("location")).toBe("/api/v1/transactions/late")
  })

  test("answers with the end, to the first request and to every repeat, whatever was answered before", async () => {
    const key = { "idempotency-key": "wait-once" }
    expect((await start("waited", "?wait=1ms", key)).data.status).toBe("pending")
    const repeats = [
      start("waited", "?wait=30s", key),
      start("waited", "?wait=20s"),
      start("waited", "?wait=10s", key),
    ]
    await until(followers, (count) => count === 3)
    await end("waited")
    const whole = await rig.call("GET", "/api/v1/transactions/waited")
    expect(whole.data.status).toBe("success")
    for (const answer of await Promise.all(repeats)) {
      expect(answer.status).toBe(200)
      expect(answer.headers.get("idempotency-replayed")).toBe("true")
      expect(answer.json).toEqual(whole.json)
    }
    expect(followers()).toBe(0)
  })

  test("does not take a provisional end for the end", async () => {
    const waiting = start("provisional", "?wait=1s")
    await until(followers, (count) => count === 1)
    // Temporal knows no such run, so nobody says that it is closed.
    await rig.pool.query("update txn set workflow_id = 'default/gone' where instance_id = 'provisional'")
    await write("provisional", { transaction: transactionRow({ status: "success" }) })
    await until(
      () => rig.logs.filter(({ message }) => message === "whether a run is closed could not be seen").length,
      (count) => count > 0,
      { timeoutMs: 5_000 },
    )
    await write("provisional", { transaction: transactionRow({ status: "running", version: 1 }) })
    expect((await waiting).data.status).toBe("running")
  })

  test("lets go at once when the caller leaves", async () => {
    const leaving = new AbortController()
    const answer = fetch(`${server.url}/api/v1/transactions?wait=60s`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ instance_id: "left", flow_id: "order" }),
      signal: leaving.signal,
    })
    await until(followers, (count) => count === 1)
    leaving.abort()
    await expect(answer).rejects.toThrow("abort")
    await until(followers, (count) => count === 0, { timeoutMs: 5_000 })
  })
})

describe("a process with a worker", () => {
  let node: HoldfastNode
  let shop: Server
  const stops = createStopList()

  beforeAll(async () => {
    const database = await createTestDatabase()
    stops.add("the database", () => database.drop())
    shop = createServer((_, response) => response.end('{"ok": true}'))
    stops.add("the shop", () => shop.close())
    await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", resolve))
    const { temporalAddress } = await getServers()
    const { namespace } = await testTemporal()
    // A TCP server that listens has an address with a port.
    const { port } = shop.address() as { port: number }
    node = await createNode({
      databaseUrl: database.url,
      temporalAddress,
      namespace,
      connections: [{ name: "shop", kind: "http", base_url: `http://127.0.0.1:${port}` }],
    })
    stops.add("the process", () => node.stop())
    await node.start()
  })
  afterAll(stops.stop)

  test("answers a start with its end", async () => {
    const post = (path: string, body: object) =>
      fetch(`${node.url}/api/v1${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      })
    const definition = {
      name: "order",
      tasks: [{ id: "pay", task_name: "http", config: { url: "/pay", connection: "shop" } }],
    }
    expect((await post("/flows", { definition })).status).toBe(201)
    const answer = await post("/transactions?wait=30s", { instance_id: "real", flow_id: "order" })
    expect(answer.status).toBe(201)
    expect(await answer.json()).toMatchObject({
      data: { status: "success", tasks: [{ task_id: "pay", status: "success" }] },
    })
    const stream = await fetch(`${node.url}/api/v1/transactions/real/events`)
    expect((await stream.text()).trim().split("\n\n").at(-1)).toContain("event: transaction.ended")
  })
})
