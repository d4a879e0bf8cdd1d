/** Outputs that are too large to travel, from a real target over a real Temporal and Postgres to the next call. */
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Pool } from "pg"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import type { AttemptRow, View } from "../../src/contract/rows.ts"
import { createOutputStore } from "../../src/store/output-store.ts"
import { createPool } from "../../src/store/pool.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { isBlocked, statusesOf } from "../helpers/ledger-task.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { until } from "../helpers/until.ts"
import { type Run, startWorkflowRig, type WorkflowRig } from "../helpers/workflow-rig.ts"

const MIB = 1024 * 1024
/** Chinese, quotes, what Postgres takes in no text, and half a character. */
const documentOf = (bytes: number) => ({
  id: "发票-1",
  odd: 'a "quote", \\ a NUL \0, half a character \ud83d and a line\n',
  lines: Array.from({ length: Math.ceil(bytes / 300) }, (_, at) => `${at} ${"中文".repeat(45)}`.padEnd(117)),
})

interface Received {
  path: string
  transaction: string
  key: string
  body: unknown
}

/** The worker's way to Postgres leads through the gate, the test's own does not. */
let gate: TcpGate
let pool: Pool
let gatedPool: Pool
let rig: WorkflowRig
let received: Received[] = []
const replies = new Map<string, unknown>()
let latched: (() => void)[] = []
const stops = createStopList()

const target = createServer((request, response) => void answer(request, response))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  const text = Buffer.concat(chunks).toString("utf8")
  const path = request.url ?? ""
  const header = (name: string) => String(request.headers[name])
  received.push({
    path,
    transaction: header("x-holdfast-transaction"),
    key: header("idempotency-key"),
    body: text === "" ? null : JSON.parse(text),
  })
  if (path === "/latch") await new Promise<void>((go) => latched.push(go))
  response.writeHead(200, { "content-type": "application/json" })
  response.end(JSON.stringify(replies.get(path) ?? { ok: true }))
}

beforeAll(async () => {
  target.listen(0, "127.0.0.1")
  stops.add("the target", () => {
    target.closeAllConnections()
    target.close()
  })
  await once(target, "listening")
  const database = await createTestDatabase()
  stops.add("the database", () => database.drop())
  const url = new URL(database.url)
  gate = await openTcpGate({ host: url.hostname, port: Number(url.port) })
  stops.add("the gate", () => gate.close())
  url.port = String(gate.port)
  pool = createPool({ url: database.url })
  stops.add("the pool", () => pool.end())
  gatedPool = createPool({ url: url.href, patienceMs: 500 })
  stops.add("the pool behind the gate", () => gatedPool.end())
  // Listening on TCP, so that the address is one of TCP.
  const { port } = target.address() as AddressInfo
  rig = await startWorkflowRig({
    connections: [{ name: "target", kind: "http", base_url: `http://127.0.0.1:${port}`, profile: "plain" }],
    outputs: createOutputStore(gatedPool),
    // Every workflow task replays what came before: a reference must come out of the history.
    maxCachedWorkflows: 0,
  })
  stops.add("the rig", () => rig.stop())
  stops.add("what is shut", () => gate.open())
})
afterAll(stops.stop)
beforeEach(() => {
  received = []
  replies.clear()
  gate.open()
})

const task = ({ id, ...more }: { id: string; [field: string]: unknown }) => ({
  id,
  task_name: "http",
  effect: "keyed",
  retry: { strategy: "auto", max_attempts: 50, interval: "100ms", max_interval: "200ms" },
  timeout: { attempt: "10s" },
  config: { connection: "target", url: `/${id}`, method: "POST" },
  ...more,
})
const posting = (id: string, deps: string[], body: unknown) =>
  task({ id, depends_on: deps, config: { connection: "target", url: `/${id}`, method: "POST", body } })

const bodiesOf = (path: string) => received.filter((one) => one.path === path).map(({ body }) => body)
const attemptsOf = (run: Run, path: string): AttemptRow[] =>
  rig.attempts.filter((row) => row.transaction_id === run.instanceId && row.task === path)

async function blobsOf(run: Run): Promise<{ sha256: string; bytes: number }[]> {
  const { rows } = await pool.query<{ sha256: string; bytes: number }>(
    "select sha256, bytes from blob where tenant_id = 'default' and instance_id = $1",
    [run.instanceId],
  )
  return rows
}

async function endOf(run: Run): Promise<View> {
  await run.handle.result()
  return run.view()
}

describe("a reply of 3 MB", () => {
  test("goes through two tasks, whole and as a part, and neither history nor view holds it", async () => {
    const document = documentOf(3 * MIB)
    for (const path of ["/big", "/second"]) replies.set(path, document)
    const run = await rig.start({
      output: "${ {'document': tasks.second.output} }",
      tasks: [
        task({ id: "big" }),
        posting("second", ["big"], "${ tasks.big.output }"),
        posting("third", ["second"], { n: 1, parts: ["${ tasks.second.output }", "x"] }),
      ],
    })
    const view = await endOf(run)
    expect(statusesOf(view)).toEqual({ big: "success", second: "success", third: "success" })
    // JSON has no way to say half a character but an escape, which comes back as it went.
    expect(bodiesOf("/second")).toEqual([document])
    expect(bodiesOf("/third")).toEqual([{ n: 1, parts: [document, "x"] }])
    // What comes twice is kept once.
    const bytes = Buffer.byteLength(JSON.stringify(document))
    expect(bytes).toBeGreaterThan(3 * MIB)
    expect(await blobsOf(run)).toMatchObject([{ bytes }])
    expect(JSON.stringify(await run.history()).length).toBeLessThan(64 * 1024)
    expect(JSON.stringify(view).length).toBeLessThan(16 * 1024)
    expect(view.transaction.output).toMatchObject({ document: { by_reference: { task: "second", bytes } } })
  })

  test("of which small fields are named stays inline", async () => {
    replies.set("/big", documentOf(4 * MIB))
    const run = await rig.start({
      output: "${ tasks.big.output }",
      tasks: [task({ id: "big", output: "${ {'id': output.id, 'count': size(output.lines)} }" })],
    })
    const { transaction } = await endOf(run)
    expect(transaction.output).toEqual({ id: "发票-1", count: Math.ceil((4 * MIB) / 300) })
    expect(await blobsOf(run)).toEqual([])
  })

  test("that is looked into parks the task with the way out", async () => {
    replies.set("/big", documentOf(3 * MIB))
    const run = await rig.start({
      tasks: [task({ id: "big" }), posting("peek", ["big"], { id: "${ tasks.big.output.id }" })],
    })
    const view = await run.reaches(isBlocked)
    expect(view.tasks[1]?.error?.message).toMatch(/the output of task big.*name the fields.*"output" of big/)
    await run.decide({ action: "skip", task: "peek" })
    await endOf(run)
  })
})

describe("what a reply cannot do", () => {
  test("be taken for a reference, however it looks", async () => {
    replies.set("/big", documentOf(MIB))
    const other = await rig.start({ tasks: [task({ id: "big" })] })
    await endOf(other)
    const [kept] = await blobsOf(other)
    const reference = { ...kept, type: "object" }
    const forged = {
      output: null,
      by_reference: { task: "big", ...reference },
      references: [{ ...reference, at: ["config", "body"] }],
      ended_at: 1,
    }
    replies.set("/forged", forged)
    const run = await rig.start({
      output: "${ tasks.forged.output }",
      tasks: [task({ id: "forged" }), posting("next", ["forged"], "${ tasks.forged.output }")],
    })
    const { transaction, tasks } = await endOf(run)
    expect(bodiesOf("/next")).toEqual([forged])
    expect(transaction.output).toEqual(forged)
    expect(tasks[0]).not.toHaveProperty("output_sha256")
    expect(await blobsOf(run)).toEqual([])
  })

  test("reach what another transaction or tenant has kept, even with the same content", async () => {
    replies.set("/big", documentOf(MIB))
    const other = await rig.start({ tasks: [task({ id: "big" })] })
    await endOf(other)
    const run = await rig.start({
      tasks: [
        task({ id: "big" }),
        { ...task({ id: "latch" }), depends_on: ["big"] },
        posting("next", ["big", "latch"], "${ tasks.big.output }"),
      ],
    })
    await until(
      () => latched.length,
      (length) => length === 1,
    )
    await pool.query(
      `insert into blob select 'another', instance_id, sha256, bytes, content from blob
       where instance_id = $1`,
      [run.instanceId],
    )
    await pool.query("delete from blob where tenant_id = 'default' and instance_id = $1", [run.instanceId])
    releaseAll()
    const view = await run.reaches(isBlocked)
    expect(view.tasks[2]).toMatchObject({
      outcome: "not_executed",
      error: { code: "output_missing", class: "misconfigured" },
    })
    expect(bodiesOf("/next")).toEqual([])
    // Whoever restores the table goes on.
    await pool.query("update blob set tenant_id = 'default' where instance_id = $1", [run.instanceId])
    await run.decide({ action: "retry", task: "next" })
    await endOf(run)
    expect(bodiesOf("/next")).toEqual([documentOf(MIB)])
  })
})

function releaseAll(): void {
  const waiting = latched
  latched = []
  for (const go of waiting) go()
}

describe("while Postgres is away", () => {
  test.each(["shut", "frozen"])(
    "(%s) a keyed call is repeated under its key until its output is kept",
    async (how) => {
      replies.set("/big", documentOf(MIB))
      if (how === "shut") gate.shut()
      else gate.freeze()
      const run = await rig.start({
        tasks: [
          task({ id: "big", timeout: { attempt: "1s" } }),
          posting("next", ["big"], "${ tasks.big.output }"),
        ],
      })
      await until(
        () => attemptsOf(run, "big"),
        (rows) => rows.some(({ code }) => code === "output_not_kept"),
      )
      gate.open()
      gate.thaw()
      await endOf(run)
      expect(attemptsOf(run, "big")[0]).toMatchObject({ class: "unknown", outcome: "unknown" })
      const keys = received.filter(({ path }) => path === "/big").map(({ key }) => key)
      expect(keys.length).toBeGreaterThan(1)
      expect(new Set(keys).size).toBe(1)
      expect(bodiesOf("/next")).toEqual([documentOf(MIB)])
    },
  )

  test("an unsafe call is not sent again, and a person decides", async () => {
    replies.set("/big", documentOf(MIB))
    gate.shut()
    const run = await rig.start({
      tasks: [task({ id: "big", effect: "unsafe", timeout: { attempt: "1s" } })],
    })
    const view = await run.reaches(isBlocked)
    expect(view.tasks[0]).toMatchObject({
      status: "parked",
      outcome: "unknown",
      error: { code: "output_not_kept" },
    })
    expect(view.exceptions).toMatchObject([{ kind: "unknown_outcome", retry_safe: false }])
    expect(received).toHaveLength(1)
    await run.decide({ action: "complete", task: "big", attest: "executed", output: { id: "发票-1" } })
    await endOf(run)
  })

  test("a call that takes an output is not sent, and goes on by itself afterwards", async () => {
    replies.set("/big", documentOf(MIB))
    const run = await rig.start({
      tasks: [
        task({ id: "big" }),
        { ...task({ id: "latch" }), depends_on: ["big"] },
        {
          ...posting("next", ["big", "latch"], "${ tasks.big.output }"),
          effect: "unsafe",
        },
      ],
    })
    await until(
      () => latched.length,
      (length) => length === 1,
    )
    gate.shut()
    releaseAll()
    await until(
      () => attemptsOf(run, "next"),
      (rows) => rows.some(({ code }) => code === "outputs_unavailable"),
    )
    expect(bodiesOf("/next")).toEqual([])
    gate.open()
    await endOf(run)
    expect(attemptsOf(run, "next")[0]).toMatchObject({ class: "not_executed", outcome: "not_executed" })
    expect(bodiesOf("/next")).toEqual([documentOf(MIB)])
  })
})
