/** An order of several steps goes forward or back, through a whole process; its targets' ledger tells what is left of it. */
import { randomUUID } from "node:crypto"
import { Client, Connection } from "@temporalio/client"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { Delivery } from "../helpers/effect-ledger.ts"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { type Sketch, task } from "../helpers/ledger-task.ts"
import { until } from "../helpers/until.ts"

/** By a door that remembers what it took back, and refuses it from then on. */
const undo = (id: string) => ({
  task_name: "http",
  config: { connection: "ledger", url: `/undo/${id}`, method: "POST", body: { key: "${ task.key }" } },
  retry: { max_attempts: 3, interval: "50ms", max_interval: "100ms" },
})
const undoable = (sketch: Sketch) => task({ compensate: undo(sketch.id), ...sketch })
const call = (id: string, body: object) => ({
  config: { connection: "ledger", url: `/do/${id}`, method: "POST", body },
})
/** It is cut off by a cancel, and by nothing before. */
const LONG = { timeout: { attempt: "100s" } }

const policy = { failure: "compensate" }
const FLOWS = [
  {
    name: "order",
    policy,
    output: "${ {'order': tasks.order.output.id, 'parcel': tasks.ship.output.id} }",
    tasks: [
      undoable({ id: "order", ...call("order", { customer: "${ params.customer }" }) }),
      undoable({
        id: "pay",
        depends_on: ["order"],
        ...call("pay", { order: "${ tasks.order.output.id }", amount: "${ params.amount }" }),
      }),
      undoable({
        id: "stock",
        depends_on: ["pay"],
        ...call("stock", { order: "${ tasks.order.output.id }", paid: "${ tasks.pay.output.id }" }),
      }),
      task({ id: "ship", depends_on: ["stock"], ...call("ship", { of: "${ tasks.stock.output.echo }" }) }),
    ],
  },
  {
    name: "beside",
    policy,
    tasks: [
      undoable({ id: "pay", ...LONG }),
      undoable({ id: "hold" }),
      undoable({ id: "reserve", depends_on: ["hold"] }),
    ],
  },
  {
    name: "slow",
    policy,
    tasks: [undoable({ id: "order" }), undoable({ id: "pay", depends_on: ["order"], ...LONG })],
  },
  {
    name: "diamond",
    policy,
    tasks: [
      undoable({ id: "a" }),
      undoable({ id: "b", depends_on: ["a"] }),
      undoable({ id: "c", depends_on: ["a"] }),
      undoable({ id: "d", depends_on: ["b", "c"] }),
    ],
  },
  {
    name: "branches",
    policy,
    tasks: [
      undoable({ id: "order" }),
      undoable({ id: "pay", depends_on: ["order"] }),
      undoable({ id: "stock", depends_on: ["order"] }),
      undoable({ id: "ship", depends_on: ["pay", "stock"] }),
    ],
  },
  {
    name: "pivot",
    policy: { ...policy, timeout: "4s" },
    tasks: [
      // The one that cannot be taken back is sent before the deadline can pass.
      task({ id: "send", pivot: true }),
      undoable({ id: "note", must_succeed: true }),
      undoable({ id: "tell", depends_on: ["send", "note"], must_succeed: true }),
    ],
  },
  {
    name: "held",
    tasks: [
      task({ id: "first", ...LONG }),
      task({ id: "next", depends_on: ["first"] }),
      task({ id: "other", retry: { strategy: "manual" } }),
    ],
  },
]

/** As far as these tests look into it. */
type TaskView = Record<"task_id" | "status" | "outcome" | "compensation", string>

let product: LedgerNode | undefined
let ledger: LedgerNode["ledger"]
let api: LedgerNode["api"]
let client: Client

beforeAll(async () => {
  product = await startLedgerNode()
  ;({ ledger, api } = product)
  const connection = await Connection.connect({ address: product.temporal.address })
  client = new Client({ connection, namespace: product.temporal.namespace })
  for (const flow of FLOWS) await api.publish(flow)
})
afterAll(async () => {
  await client?.connection.close()
  await product?.stop()
})

async function begin(flow: string, faults: Record<string, Parameters<typeof ledger.misbehave>[1]> = {}) {
  const id = randomUUID()
  for (const [name, script] of Object.entries(faults)) await ledger.misbehave(name, script, id)
  await api.start(flow, id, { customer: "ann", amount: 700 })
  return id
}

const decide = (id: string, decision: object) =>
  api.post(`/transactions/${id}/decisions`, { reason: "seen", ...decision })
const fresh = (id: string) => api.get(`/transactions/${id}?fresh=true`)
const taskOf = (transaction: { tasks: TaskView[] }, id: string) =>
  transaction.tasks.find(({ task_id }) => task_id === id)
const named = async (id: string, name: string) =>
  (await ledger.deliveries(id)).filter((delivery) => delivery.name === name)
const arrives = (id: string, name: string) =>
  until(
    () => named(id, name),
    ({ length }) => length > 0,
  )

const namesOf = (deliveries: Delivery[]) => deliveries.filter(({ effect }) => effect).map(({ name }) => name)
const effectsOf = async (id: string) => namesOf(await ledger.deliveries(id))

/** How often each thing is done and was not taken back. */
async function netOf(id: string): Promise<Record<string, number>> {
  const net: Record<string, number> = {}
  for (const name of await effectsOf(id)) {
    const done = name.replace(/-undo$/, "")
    net[done] = (net[done] ?? 0) + (name === done ? 1 : -1)
  }
  return net
}

test("36: an order is paid, taken from stock and shipped; each step is told what came of those before", async () => {
  const id = await begin("order")
  const { output, tasks } = await api.reaches(id, "success")
  expect(await effectsOf(id)).toEqual(["order", "pay", "stock", "ship"])
  const [order, pay, , ship] = tasks.map(({ output_data }: { output_data: { id: string } }) => output_data.id)
  expect(output).toEqual({ order, parcel: ship })
  const stock = { order, paid: pay }
  expect((await ledger.deliveries(id)).map(({ body }) => body)).toEqual([
    { customer: "ann" },
    { order, amount: 700 },
    stock,
    { of: stock },
  ])
})

test("37: no stock: the payment is refunded, then the order is withdrawn", async () => {
  const id = await begin("order", { stock: ["refuse"] })
  const { error, overridden } = await api.reaches(id, "compensated")
  expect({ error, overridden }).toMatchObject({
    error: { code: "HTTP_422", task: "stock" },
    overridden: false,
  })
  expect(await effectsOf(id)).toEqual(["order", "pay", "pay-undo", "order-undo"])
  expect(await named(id, "stock-undo")).toEqual([])
  expect(await named(id, "ship")).toEqual([])
})

test("21: charged, the reply is lost, then a refusal: the outcome is unknown, and the charge is refunded", async () => {
  const id = await begin("order", { pay: ["reply_lost", "refuse"] })
  const { tasks } = await api.reaches(id, "compensated")
  expect(tasks[1]).toMatchObject({ status: "failed", outcome: "unknown", error_code: "HTTP_422" })
  expect((await named(id, "pay")).map(({ effect }) => effect)).toEqual([true, false])
  expect(await effectsOf(id)).toEqual(["order", "pay", "pay-undo", "order-undo"])
  expect(await netOf(id)).toEqual({ order: 0, pay: 0 })
})

test("38: a charge that hangs beside a refusal is stopped and refunded", async () => {
  const id = await begin("beside", { pay: ["hang_after"], hold: ["latch"], reserve: ["refuse"] })
  await arrives(id, "pay")
  await arrives(id, "hold")
  await ledger.release("hold")
  const transaction = await api.reaches(id, "compensated")
  expect(taskOf(transaction, "pay")).toMatchObject({ status: "cancelled", outcome: "unknown" })
  expect(await netOf(id)).toEqual({ pay: 0, hold: 0 })
})

test("39: a charge that arrives after its transaction went back is refused", async () => {
  const id = await begin("slow", { pay: ["latch"] })
  await arrives(id, "pay")
  expect((await api.post(`/transactions/${id}/cancel`)).status).toBe(200)
  await api.reaches(id, "compensated")
  expect((await named(id, "pay-undo")).map(({ effect }) => effect)).toEqual([false])
  expect(await ledger.release("pay")).toBe(1)
  expect((await named(id, "pay")).map(({ effect }) => effect)).toEqual([false])
  expect(await netOf(id)).toEqual({ order: 0 })
})

test("40: two branches are undone at once, what both hang on only after both", async () => {
  const id = await begin("diamond", { d: ["refuse"], "b-undo": ["latch"], "c-undo": ["latch"] })
  // Neither has ended.
  await arrives(id, "b-undo")
  await arrives(id, "c-undo")
  await ledger.release("b-undo")
  const half = await until(
    () => fresh(id),
    (found) => taskOf(found, "b")?.compensation === "success",
  )
  expect(taskOf(half, "a")).toMatchObject({ compensation: "none" })
  await ledger.release("c-undo")
  await api.reaches(id, "compensated")
  expect((await effectsOf(id)).at(-1)).toBe("a-undo")
  expect(await netOf(id)).toEqual({ a: 0, b: 0, c: 0 })
})

test("41: a refund that is refused waits for a person; the other branch goes back, the order after both", async () => {
  const id = await begin("branches", { ship: ["refuse"], "pay-undo": ["refuse"] })
  const blocked = await api.reaches(id, "blocked")
  expect(blocked.tasks).toMatchObject([
    { task_id: "order", compensation: "none" },
    { task_id: "pay", compensation: "parked", compensation_error_code: "HTTP_422" },
    { task_id: "stock", compensation: "success" },
    { task_id: "ship", compensation: "not_needed" },
  ])
  const { list } = await api.get(`/exceptions?instance_id=${id}`)
  expect(list).toContainEqual(
    expect.objectContaining({
      task: "pay",
      operation: "undo",
      kind: "compensation_failed",
      severity: "critical",
      state: "open",
    }),
  )
  const mark = { action: "mark_compensated", task: "pay" }
  expect(await decide(id, mark)).toMatchObject({ status: 409, json: { error: "evidence_required" } })
  expect(await decide(id, { ...mark, evidence: { refund: "R-7" } })).toMatchObject({ status: 200 })
  expect(await api.reaches(id, "compensated")).toMatchObject({ overridden: true, open_exceptions: 0 })
  // The refund is the one that the person has seen elsewhere.
  expect(await netOf(id)).toEqual({ order: 0, pay: 1, stock: 0 })
  expect((await effectsOf(id)).at(-1)).toBe("order-undo")
})

test("43: cancelled three times and through Temporal while it goes back: recorded, and nothing changes", async () => {
  const id = await begin("order", { stock: ["refuse"], "pay-undo": ["latch"] })
  await arrives(id, "pay-undo")
  const cancel = async () => {
    const answer = await decide(id, { action: "cancel" })
    expect(answer, JSON.stringify(answer.json)).toMatchObject({
      status: 200,
      json: { data: { status: "compensating" } },
    })
  }
  await cancel()
  await cancel()
  const workflow = client.workflow.getHandle(`default/${id}`)
  await workflow.cancel()
  // Behind Temporal's own: once this one is answered, that one was heard as well.
  await cancel()
  const { events } = await workflow.fetchHistory()
  expect(events?.filter((event) => event.activityTaskCancelRequestedEventAttributes)).toEqual([])
  expect((await fresh(id)).tasks).toMatchObject([
    { compensation: "none" },
    { compensation: "running" },
    { compensation: "not_needed" },
    { compensation: "none" },
  ])
  await ledger.release("pay-undo")
  await api.reaches(id, "compensated")
  expect(await effectsOf(id)).toEqual(["order", "pay", "pay-undo", "order-undo"])
  expect(await named(id, "pay-undo")).toHaveLength(1)
  const { list } = await until(
    () => api.get(`/audit?transaction=${id}`),
    (found) => found.list.length === 3,
  )
  expect(list.map(({ action }: { action: string }) => action)).toEqual(["cancel", "cancel", "cancel"])
})

test("44: once it cannot be taken back a cancel is 409, and the deadline only opens an exception", async () => {
  const id = await begin("pivot", { tell: ["refuse"] })
  const late = await until(
    () => fresh(id),
    ({ overdue, status }) => overdue && status === "blocked",
  )
  expect(late).toMatchObject({ pivot_passed: true })
  for (const action of ["cancel", "abort"])
    expect(await decide(id, { action })).toMatchObject({ status: 409, json: { error: "pivot_passed" } })
  expect(await api.post(`/transactions/${id}/cancel`)).toMatchObject({
    status: 409,
    json: { error: "pivot_passed" },
  })
  const { list } = await until(
    () => api.get(`/exceptions?instance_id=${id}`),
    (found) => found.list.length === 2,
  )
  expect(list).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ task: null, kind: "deadline", state: "open" }),
      expect.objectContaining({ task: "tell", kind: "pivot_passed", state: "open" }),
    ]),
  )
  expect(await decide(id, { action: "retry", task: "tell" })).toMatchObject({ status: 200 })
  await api.reaches(id, "success")
  expect(await netOf(id)).toEqual({ send: 1, note: 1, tell: 1 })
})

test("50: while it is paused nothing new starts and decisions are taken; a resume goes on", async () => {
  const id = await begin("held", { first: ["latch"], other: ["refuse"] })
  await arrives(id, "first")
  await until(
    () => fresh(id),
    (found) => taskOf(found, "other")?.status === "parked",
  )
  expect((await api.post(`/transactions/${id}/pause`)).status).toBe(200)
  await ledger.release("first")
  await until(
    () => fresh(id),
    (found) => taskOf(found, "first")?.status === "success",
  )
  expect(await decide(id, { action: "retry", task: "other" })).toMatchObject({ status: 200 })
  const paused = await fresh(id)
  expect(paused).toMatchObject({ status: "blocked", paused: true })
  expect(paused.tasks).toMatchObject([
    { task_id: "first", status: "success" },
    { task_id: "next", status: "pending" },
    { task_id: "other", status: "pending" },
  ])
  expect(await named(id, "other")).toHaveLength(1)
  expect((await api.post(`/transactions/${id}/resume`)).status).toBe(200)
  await api.reaches(id, "success")
  expect(await netOf(id)).toEqual({ first: 1, next: 1, other: 1 })
})
