/** 56, its last part: Temporal's own command ends a workflow that waits for a person, against a whole process. */
import { execFile } from "node:child_process"
import { randomUUID } from "node:crypto"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { task } from "../helpers/ledger-task.ts"
import { findTemporalCli } from "../helpers/temporal-cli.ts"
import { until } from "../helpers/until.ts"

const MOST_MS = 120_000
const FLOW = {
  name: "order",
  tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"], retry: { strategy: "manual" } })],
}

let product: LedgerNode | undefined
let ledger: LedgerNode["ledger"]
let temporal: LedgerNode["temporal"]
let api: LedgerNode["api"]

beforeAll(async () => {
  product = await startLedgerNode()
  ;({ ledger, temporal, api } = product)
  await api.publish(FLOW)
})
afterAll(() => product?.stop())

test("56: a person is told within two minutes, a retry is refused, and it can be done again", async () => {
  const id = randomUUID()
  await ledger.misbehave("ship", ["unavailable"], id)
  await api.start("order", id)
  await api.reaches(id, "blocked")

  const at = ["--address", temporal.address, "--namespace", temporal.namespace]
  const command = ["workflow", "terminate", ...at, "--workflow-id", `default/${id}`, "--reason", "by mistake"]
  await promisify(execFile)(await findTemporalCli(), command)
  // Within two minutes, or `until` throws.
  const lost = await until(
    () => api.get(`/transactions/${id}`),
    ({ status }) => status === "failed",
    { timeoutMs: MOST_MS },
  )
  expect(lost.error).toMatchObject({
    code: "orchestrator_lost",
    message: "The workflow was terminated: by mistake",
  })
  const { list } = await api.get(`/exceptions?instance_id=${id}`)
  expect(list).toContainEqual(expect.objectContaining({ kind: "orchestrator_lost", task: null }))

  expect(await api.post(`/transactions/${id}/retry`)).toMatchObject({
    status: 409,
    json: { error: "orchestrator_lost" },
  })
  const again = await api.post(`/transactions/${id}/redo`, {})
  expect(again.status, JSON.stringify(again.json)).toBe(201)
  await api.reaches(again.json.data.instance_id, "success")
  // What the first one did is its own: nothing of it was sent again under its keys.
  expect((await ledger.deliveries(id)).map(({ name }) => name)).toEqual(["pay", "ship"])
})
