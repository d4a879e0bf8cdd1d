/** Services over gRPC and RabbitMQ that keep the barrier, through the whole product and judged by their own books. */
import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Consumed, type Participants, startParticipants } from "../helpers/barrier-participants.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { createNode } from "../helpers/holdfast-node.ts"
import { task } from "../helpers/ledger-task.ts"
import { createNodeApi, type NodeApi } from "../helpers/node-api.ts"
import { type Broker, findRabbitmq, PASSWORD, startRabbitmq } from "../helpers/rabbitmq.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const program = findRabbitmq()

const AGAIN = { strategy: "auto", max_attempts: 20, interval: "100ms", max_interval: "300ms" }
const rpc = (method: string, more: object = {}) => ({
  task_name: "rpc",
  config: { service: "payment", method: `shop.Payment/${method}` },
  input: { order_id: "${ params.order }", amount_cents: 700 },
  ...more,
})
const mq = (topic: string, more: object = {}) => ({
  task_name: "mq",
  config: { connection: "events", topic, ...more },
  input: { order_id: "${ params.order }" },
})
const ask = (method: string, more: object = {}) =>
  rpc(method, {
    executed_when: "${ output.found }",
    output: { payment_id: "${ output.payment_id }" },
    retry: { max_attempts: 2, interval: "50ms" },
    ...more,
  })
const pay = (more: object = {}) => ({
  id: "pay",
  ...rpc("Charge"),
  effect: "unsafe",
  timeout: { attempt: "500ms" },
  ...more,
})
/** Refused, when the target is told so. */
const ship = (depends_on: string[]) => task({ id: "ship", depends_on })

const keyed = { effect: "keyed", retry: AGAIN, timeout: { attempt: "3s" } }
const REPLY = { reply: { timeout: "2500ms" } }
const undoing = { retry: { interval: "100ms" }, timeout: { attempt: "3s" } }
const FLOWS = [
  { name: "asked", tasks: [pay({ probe: ask("Find") })] },
  { name: "fenced", tasks: [pay({ probe: ask("Fence", { fences: true }) })] },
  {
    name: "backward",
    policy: { failure: "compensate" },
    tasks: [
      { id: "pay", ...rpc("Charge"), ...keyed, compensate: { ...rpc("Refund"), ...undoing } },
      {
        id: "announce",
        depends_on: ["pay"],
        ...mq("orders.placed", REPLY),
        ...keyed,
        compensate: { ...mq("orders.withdrawn", REPLY), ...undoing },
      },
      ship(["announce"]),
    ],
  },
  {
    name: "overtaken",
    policy: { failure: "compensate" },
    tasks: [
      {
        id: "announce",
        ...mq("orders.placed"),
        ...keyed,
        compensate: { ...mq("orders.withdrawn"), ...undoing },
      },
      ship(["announce"]),
    ],
  },
  { name: "announced", tasks: [{ id: "announce", ...mq("orders.told"), ...keyed }] },
]

describe.skipIf(program === undefined)("participants with the barrier", () => {
  let broker: Broker
  /** Holdfast's own way to the broker. */
  let gate: TcpGate
  let participants: Participants
  let consumed: Consumed
  let ledger: EffectLedger
  let api: NodeApi
  const stops: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    const database = await createTestDatabase()
    stops.push(() => database.drop())
    ledger = await startEffectLedger()
    stops.push(() => ledger.stop())
    broker = await startRabbitmq(program ?? "")
    stops.push(() => broker.stop())
    participants = await startParticipants()
    stops.push(() => participants.stop())
    consumed = await participants.consume(broker)
    gate = await openTcpGate({ host: "127.0.0.1", port: broker.port })
    stops.push(() => gate.close())
    const temporal = await testTemporal()
    const node = await createNode({
      databaseUrl: database.url,
      temporalAddress: temporal.address,
      namespace: temporal.namespace,
      connections: [
        { name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" },
        { name: "payment", kind: "grpc", host: "127.0.0.1", port: participants.bankPort },
        {
          name: "events",
          kind: "rabbitmq",
          host: "127.0.0.1",
          port: gate.port,
          vhost: "shop",
          exchange: "events",
          username: "app",
          password_secret: "rabbit",
        },
      ],
      secrets: { rabbit: PASSWORD },
    })
    stops.push(() => node.stop())
    await node.start()
    api = createNodeApi(node.url)
    for (const flow of FLOWS) await api.publish(flow)
  }, 300_000)
  afterAll(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop()
  })

  /** The books go by transaction, so an order has its name. */
  const start = (flow: string, id: string) => api.start(flow, id, { order: id })
  const named = (name: string) => `${name}-${randomUUID().slice(0, 8)}`
  const booked = async (id: string) =>
    (await participants.books(id)).map(({ what, amount }) => `${what} ${amount}`)
  type Attempt = { [field: string]: unknown }
  /** They are written beside their flow, which may have gone on already. */
  const attemptsOf = (id: string, path: string, isWhole: (attempts: Attempt[]) => boolean) =>
    until(
      async (): Promise<Attempt[]> =>
        (await api.get(`/transactions/${id}/tasks/${path}/attempts?limit=100`)).list,
      isWhole,
    )
  const decide = (id: string, decision: object) =>
    api.post(`/transactions/${id}/decisions`, { task: "pay", reason: "seen", ...decision })

  test("26: a deadline shorter than the server is asked about, and makes no second effect", async () => {
    const id = named("deadline")
    participants.misbehave(id, "Charge", ["slow"])
    await start("asked", id)
    const { tasks } = await api.reaches(id, "success")
    expect(tasks[0]).toMatchObject({ outcome: "executed", output_data: { payment_id: expect.any(String) } })
    expect(await booked(id)).toEqual(["charge 700"])
    expect(await attemptsOf(id, "pay", ({ length }) => length === 2)).toMatchObject([
      {
        operation: "do",
        class: "unknown",
        outcome: "unknown",
        code: expect.stringMatching(/DEADLINE_EXCEEDED|attempt_timeout/),
      },
      { operation: "probe", class: "done" },
    ])
  })

  test("53: another input is refused until the old call is fenced off, which then comes too late", async () => {
    const id = named("superseded")
    participants.misbehave(id, "Charge", ["held"])
    // Nor can it be asked at first.
    participants.misbehave(id, "Fence", ["away", "away"])
    await start("fenced", id)
    await api.reaches(id, "blocked")
    const corrected = { action: "retry_with_input", input: { order_id: id, amount_cents: 70 } }
    expect(await decide(id, corrected)).toMatchObject({
      status: 409,
      json: { error: "unknown_needs_attestation" },
    })
    expect((await api.exceptionOf(id)).suggested_actions).toContain("probe")
    expect(await decide(id, { action: "probe" })).toMatchObject({ status: 200 })
    await until(
      () => api.exceptionOf(id),
      ({ outcome }) => outcome === "not_executed",
    )
    expect(await decide(id, corrected)).toMatchObject({ status: 200 })
    const { tasks } = await api.reaches(id, "success")
    expect(tasks[0]).toMatchObject({ generation: 2, outcome: "executed" })
    // The old request arrives at last.
    expect(await participants.release()).toEqual(["rejected_after_compensation"])
    expect(await booked(id)).toEqual(["charge 70"])

    const { list } = await api.get(`/audit?transaction=${id}`)
    expect(list).toMatchObject([
      {
        action: "retry_with_input",
        subject: "pay",
        before: { tasks: [{ path: "pay", status: "parked", outcome: "not_executed" }] },
        after: { tasks: [{ path: "pay" }] },
      },
      { action: "probe", before: { tasks: [{ path: "pay", status: "parked", outcome: "unknown" }] } },
    ])
    const sentOf = (attempts: Attempt[]) => attempts.filter(({ operation }) => operation === "do")
    const attempts = await attemptsOf(id, "pay", (all) => sentOf(all).length === 2)
    expect(sentOf(attempts).map(({ generation, request }) => [generation, JSON.stringify(request)])).toEqual([
      [1, expect.stringContaining("700")],
      [2, expect.stringMatching(/\b70\b/)],
    ])
  })

  test("a call over gRPC and a message are undone in reverse order, by calls of their own kind", async () => {
    const id = named("backward")
    participants.misbehave(id, "Charge", ["lost"])
    participants.misbehave(id, "Refund", ["lost", "away"])
    await ledger.misbehave("ship", ["refuse"], id)
    await start("backward", id)
    const ended = await api.reaches(id, "compensated")
    expect(ended.tasks).toMatchObject([
      { status: "success", compensation: "success" },
      { status: "success", compensation: "success" },
      { status: "failed", compensation: "not_needed" },
    ])
    expect(await booked(id)).toEqual(["charge 700", "orders.placed 1", "orders.withdrawn -1", "refund -700"])
  })

  test("29: a message whose confirm is lost is published again, and its consumer applies it once", async () => {
    // The connection is there, and its handshake is over.
    const before = named("warm")
    await start("announced", before)
    await api.reaches(before, "success")
    gate.mute()
    const id = named("confirm")
    await start("announced", id)
    const of = () => consumed.messages.filter(({ transaction }) => transaction === id)
    await until(of, (found) => found.length > 0)
    gate.shut()
    gate.open()
    await api.reaches(id, "success")
    const copies = await until(of, (found) => found.length > 1)
    expect(new Set(copies.map(({ id: key }) => key)).size).toBe(1)
    expect(await booked(id)).toEqual(["orders.told 1"])
    const attempts = await attemptsOf(id, "announce", (all) => all.at(-1)?.["class"] === "done")
    expect(attempts[0]).toMatchObject({ class: "unknown", outcome: "unknown" })
  })

  test("30: a compensation that overtakes its message leaves nothing behind", async () => {
    const id = named("overtaken")
    consumed.holdBack("orders.placed")
    await ledger.misbehave("ship", ["refuse"], id)
    await start("overtaken", id)
    await api.reaches(id, "compensated")
    const of = () => consumed.messages.filter(({ transaction }) => transaction === id)
    const messages = await until(of, (found) => found.length === 2)
    expect(messages).toMatchObject([
      { topic: "orders.withdrawn", end: "done" },
      { topic: "orders.placed", end: "rejected_after_compensation" },
    ])
    expect(await booked(id)).toEqual([])
  })
})
