/** Two people decide at once, and one person decides twice: through the whole product (design 4.6). */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { Client, Connection } from "@temporalio/client"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { task } from "../helpers/ledger-task.ts"
import { createNodeApi, type NodeApi } from "../helpers/node-api.ts"
import { until } from "../helpers/until.ts"

const FLOW = {
  name: "order",
  tasks: [
    task({ id: "pay", retry: { strategy: "manual" }, on_error: "park" }),
    task({ id: "ship", depends_on: ["pay"] }),
  ],
}

const BRITTLE = {
  name: "brittle",
  tasks: [task({ id: "pay", retry: { strategy: "no_retry" }, on_error: "fail" })],
}

let product: LedgerNode | undefined
let second: HoldfastNode | undefined
let ledger: LedgerNode["ledger"]
let temporal: LedgerNode["temporal"]
/** Of two processes: two operators, each with one of their own. */
let apis: [NodeApi, NodeApi]

beforeAll(async () => {
  product = await startLedgerNode()
  ;({ ledger, temporal } = product)
  second = await createNode({ ...product.targets, role: "api" })
  await second.start()
  apis = [product.api, createNodeApi(second.url)]
  await apis[0].publish(FLOW)
  await apis[0].publish(BRITTLE)
})
afterAll(async () => {
  await second?.stop()
  await product?.stop()
})

/** Refused by its target; version 1 or so, with nothing under way. */
async function parked(): Promise<{ id: string; version: number }> {
  const id = randomUUID()
  await ledger.misbehave("pay", ["refuse"], id)
  await apis[0].start("order", id)
  await apis[0].reaches(id, "blocked")
  const { version } = await apis[0].get(`/transactions/${id}?fresh=true`)
  return { id, version }
}

/** Ids of the updates that Temporal's history has, in order, without those that were refused. */
async function updatesOf(id: string): Promise<string[]> {
  const connection = await Connection.connect({ address: temporal.address })
  try {
    const client = new Client({ connection, namespace: temporal.namespace })
    const { events } = await client.workflow.getHandle(`default/${id}`).fetchHistory()
    const ended = (events ?? []).flatMap(
      (event) => event.workflowExecutionUpdateCompletedEventAttributes ?? [],
    )
    return ended.flatMap(({ meta, outcome }) => (outcome?.failure ? [] : (meta?.updateId ?? [])))
  } finally {
    await connection.close()
  }
}

const paymentsOf = async (id: string) =>
  (await ledger.deliveries(id)).filter(({ name }) => name === "pay").length

describe("52: decisions about one transaction", () => {
  test("that two people take at once: one is carried out, the other is told by whom", async () => {
    for (let round = 0; round < 5; round++) {
      const { id, version } = await parked()
      // Else the transaction may be over before the second of them is heard.
      await ledger.misbehave("ship", ["latch"], id)
      const decide = (api: NodeApi, action: string, key: string) =>
        api.post(
          `/transactions/${id}/decisions`,
          { action, task: "pay", reason: `${key} saw it`, expected_version: version, output: {} },
          { "idempotency-key": `${key}-${id}` },
        )
      const both = await Promise.all([decide(apis[0], "retry", "ann"), decide(apis[1], "complete", "bob")])
      const [won, lost] = both[0].status === 200 ? both : both.toReversed()
      const winner = both[0].status === 200 ? "ann" : "bob"
      expect(won).toMatchObject({ status: 200, json: { data: { decision_id: `${winner}-${id}` } } })
      expect(lost).toMatchObject({
        status: 409,
        json: {
          error: "stale_version",
          data: null,
          detail: expect.stringMatching(
            new RegExp(`for version ${version}.*\\(decision_id ${winner}-${id}\\)`),
          ),
        },
      })
      await until(
        () => ledger.release(),
        (released) => released === 1,
      )
      await apis[0].reaches(id, "success")
      expect(await updatesOf(id)).toEqual([`${winner}-${id}`])
      expect(await paymentsOf(id)).toBe(winner === "ann" ? 2 : 1)
    }
  })

  test("that one person sends twice under a key: the same body, and one update in Temporal's history", async () => {
    const { id, version } = await parked()
    const body = { action: "retry", task: "pay", reason: "again", expected_version: version }
    const send = (api: NodeApi) =>
      api.post(`/transactions/${id}/decisions`, body, { "idempotency-key": `key-${id}` })
    const first = await send(apis[0])
    expect(first.status, JSON.stringify(first.json)).toBe(200)
    await apis[0].reaches(id, "success")
    for (const api of apis) expect((await send(api)).json.data).toEqual(first.json.data)
    expect(await updatesOf(id)).toEqual([`key-${id}`])
    expect(await paymentsOf(id)).toBe(2)
  })

  test("under one key at once, on two processes: one update, and one answer in the end", async () => {
    const { id } = await parked()
    const body = { action: "retry", task: "pay", reason: "again" }
    const send = (api: NodeApi) =>
      api.post(`/transactions/${id}/decisions`, body, { "idempotency-key": `key-${id}` })
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => send(at % 2 === 0 ? apis[0] : apis[1])),
    )
    for (const { status, json } of answers)
      expect(status === 200 || json.error === "idempotency_key_in_use", JSON.stringify(json)).toBe(true)
    expect(answers.some(({ status }) => status === 200)).toBe(true)
    await apis[0].reaches(id, "success")
    const again = await send(apis[1])
    expect(again.status).toBe(200)
    for (const { status, json } of answers) if (status === 200) expect(json.data).toEqual(again.json.data)
    expect(await updatesOf(id)).toEqual([`key-${id}`])
    expect(await paymentsOf(id)).toBe(2)
  })
})

describe("a transaction that has failed a moment ago", () => {
  const failed = async (): Promise<string> => {
    const id = randomUUID()
    await ledger.misbehave("pay", ["refuse"], id)
    await apis[0].start("brittle", id)
    await apis[0].reaches(id, "failed")
    return id
  }
  const effectsOf = async (id: string) =>
    [...(await ledger.deliveries(id)), ...(await ledger.deliveries(`${id}.redo1`))].filter(
      ({ effect }) => effect,
    ).length

  test("is done again at once, whether or not its end was confirmed yet", async () => {
    const id = await failed()
    const redone = await apis[1].post(`/transactions/${id}/redo`)
    expect(redone.status, JSON.stringify(redone.json)).toBe(201)
    await apis[0].reaches(`${id}.redo1`, "success")
    const retried = await apis[0].post(`/transactions/${id}/retry`)
    expect(retried.json).toMatchObject({ status: 409, error: "redone_already" })
    expect(await effectsOf(id)).toBe(1)
  })

  test("is retried and done again at once by two: one of them goes on", async () => {
    for (let round = 0; round < 5; round++) {
      const id = await failed()
      const both = await Promise.all([
        apis[0].post(`/transactions/${id}/retry`),
        sleep(round * 10).then(() => apis[1].post(`/transactions/${id}/redo`)),
      ])
      const answers = JSON.stringify(both)
      expect(
        both.filter(({ status }) => status === 409),
        answers,
      ).toHaveLength(1)
      const [retried] = both
      await apis[0].reaches(retried.status === 200 ? id : `${id}.redo1`, "success")
      expect(await effectsOf(id), answers).toBe(1)
    }
  })
})
