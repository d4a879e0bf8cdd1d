/** Targets over HTTP that keep the key of a call, and ways to them that break: what a transaction makes of it. */
import type { ServerResponse } from "node:http"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { startHttp } from "../../src/activities/calls.testsuite.ts"
import type { Connection, Profile } from "../../src/contract/connections.ts"
import { isBlocked } from "../helpers/ledger-task.ts"
import { openTcpGate } from "../helpers/tcp-gate.ts"
import { type Run, startWorkflowRig, type WorkflowRig } from "../helpers/workflow-rig.ts"

let rig: WorkflowRig
/** Added to by the tests. */
const connections: Connection[] = []
const cleanups: (() => unknown)[] = []

beforeAll(async () => {
  rig = await startWorkflowRig({ connections })
})
afterAll(() => rig?.stop())
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const call = (id: string, { connection, ...more }: { connection: string; [field: string]: unknown }) => ({
  id,
  task_name: "http",
  config: { connection, url: `/${id}`, body: { amount: 7 } },
  effect: "keyed",
  retry: { strategy: "auto", max_attempts: 20, interval: "100ms", backoff: 1 },
  ...more,
})

function connect(name: string, port: number, profile: Profile = "plain"): string {
  connections.push({ name, kind: "http", base_url: `http://127.0.0.1:${port}`, profile })
  return name
}

const attemptsOf = ({ instanceId }: Run) =>
  rig.attempts.filter(({ transaction_id, task }) => transaction_id === instanceId && task === "pay")

/** Charges once for each key and answers a repeat as the first call. `meet` is what the first one meets once it is charged. */
async function startBank(meet: (response: ServerResponse, answer: string) => void) {
  const charges = new Map<string, string>()
  const keys: string[] = []
  const server = await startHttp(({ headers }, response) => {
    const key = String(headers["idempotency-key"])
    keys.push(key)
    const before = charges.get(key)
    const answer = before ?? JSON.stringify({ payment_id: `p${charges.size + 1}` })
    charges.set(key, answer)
    if (before === undefined) meet(response, answer)
    else response.writeHead(200, { "content-type": "application/json" }).end(answer)
  })
  cleanups.push(() => server.close())
  return { port: server.port, charges, keys }
}

test("17: a charge whose reply a proxy cuts off is unknown, and asked for again under its key: charged once", async () => {
  const bank = await startBank((response) => {
    gate.shut()
    gate.open()
    response.end()
  })
  const gate = await openTcpGate({ host: "127.0.0.1", port: bank.port })
  cleanups.push(() => gate.close())
  const run = await rig.start({ tasks: [call("pay", { connection: connect("cut", gate.port) })] })
  expect(await run.handle.result()).toMatchObject({ status: "success" })
  expect(attemptsOf(run)).toMatchObject([
    { class: "unknown", outcome: "unknown", code: expect.stringMatching(/^(?:ECONNRESET|UND_ERR_SOCKET)$/) },
    { class: "done", outcome: "executed" },
  ])
  expect(bank.keys).toHaveLength(2)
  expect([...bank.charges.keys()]).toEqual([bank.keys[1]])
})

test("18: a 200 whose body is cut is no success: the repeat is answered as the first call was, and that is the output", async () => {
  const bank = await startBank((response, answer) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": answer.length })
    response.write(answer.slice(0, -3), () => response.destroy())
  })
  const run = await rig.start({
    output: "${ tasks.pay.output }",
    tasks: [call("pay", { connection: connect("half", bank.port) })],
  })
  expect(await run.handle.result()).toEqual({ status: "success", output: { payment_id: "p1" } })
  expect(attemptsOf(run)).toMatchObject([
    { class: "unknown", outcome: "unknown", response: { status: 200, cut: true } },
    { class: "done", outcome: "executed", response: { status: 200, body: { payment_id: "p1" } } },
  ])
  expect(bank.keys).toHaveLength(2)
  expect([...bank.charges.keys()]).toEqual([bank.keys[1]])
})

/** What is refused is rolled back. */
const holdAndPay = (connection: string) => {
  const undo = (id: string) => ({
    compensate: { task_name: "http", config: { connection, url: `/undo/${id}` } },
  })
  return {
    policy: { failure: "compensate" },
    tasks: [
      call("hold", { connection, ...undo("hold") }),
      call("pay", { connection, depends_on: ["hold"], timeout: { attempt: "3s" }, ...undo("pay") }),
    ],
  }
}

test("19: a redirect to a login page is an exception of the configuration, and nothing is got from there", async () => {
  const server = await startHttp(({ url }, response) =>
    url === "/pay" ? response.writeHead(302, { location: "/login" }).end() : response.end("<form>"),
  )
  cleanups.push(() => server.close())
  const run = await rig.start(holdAndPay(connect("login", server.port)))
  const { exceptions } = await run.reaches(isBlocked)
  expect(exceptions).toMatchObject([
    { task: "pay", kind: "misconfigured", code: "HTTP_302", outcome: "unknown", state: "open" },
  ])
  expect(server.received.map(({ method, url }) => `${method} ${url}`)).toEqual(["POST /hold", "POST /pay"])
})

/** Is at work on `/pay` until it is told that it is done; a second call meanwhile is a conflict. What is undone is not done any more. */
async function startBusy() {
  const state = {
    port: 0,
    work: "none" as "none" | "under way" | "done",
    undone: [] as string[],
    asked: [] as number[],
  }
  const server = await startHttp(({ url }, response) => {
    if (url.startsWith("/undo")) state.undone.push(url)
    if (url !== "/pay" || state.work === "done") return void response.end()
    if (state.work === "under way") {
      state.asked.push(Date.now())
      return void response.writeHead(409).end()
    }
    state.work = "under way"
    return undefined
  })
  cleanups.push(() => server.close())
  state.port = server.port
  return state
}

test("16: a 409 that means at work is waited out, and rolls nothing back", async () => {
  const target = await startBusy()
  const connection = connect("draft", target.port, "ietf-idempotency")
  const run = await rig.start(holdAndPay(connection))
  await run.reaches(() => target.asked.length >= 2)
  target.work = "done"
  expect(await run.handle.result()).toMatchObject({ status: "success" })
  const [first, second] = target.asked
  // Not after the flow's own 100 ms.
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1_000)
  const attempts = attemptsOf(run)
  expect(attempts[0]).toMatchObject({ class: "unknown", code: "attempt_timeout" })
  expect(attempts[1]).toMatchObject({ class: "unknown", code: "HTTP_409", outcome: "unknown" })
  expect(attempts.at(-1)).toMatchObject({ class: "done", outcome: "executed" })
  expect(target.undone).toEqual([])
})

test("16: a 409 that means no rolls back, with what the call may have done", async () => {
  const target = await startBusy()
  const run = await rig.start(holdAndPay(connect("dtm", target.port, "dtm")))
  await expect(run.handle.result()).rejects.toMatchObject({ cause: { type: "compensated" } })
  expect(attemptsOf(run).filter(({ operation }) => operation === "do")).toMatchObject([
    { class: "unknown", code: "attempt_timeout" },
    { class: "refused", code: "HTTP_409", outcome: "unknown" },
  ])
  expect(target.asked).toHaveLength(1)
  expect(target.undone).toEqual(["/undo/pay", "/undo/hold"])
})
