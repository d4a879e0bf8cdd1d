/** 39, where the target does not refuse: a charge is made by a worker that Temporal has lost, and comes out afterwards. */
import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { task } from "../helpers/ledger-task.ts"
import { createNodeApi } from "../helpers/node-api.ts"
import { openTcpGate, type TcpGate } from "../helpers/tcp-gate.ts"
import { until } from "../helpers/until.ts"

const FLOW = {
  name: "pay",
  policy: { failure: "compensate", compensation: { drain: "100ms" } },
  tasks: [
    task({
      id: "pay",
      // Nothing but its own end ends it while its worker is cut off.
      timeout: { attempt: "5m", heartbeat: "5m" },
      compensate: {
        task_name: "http",
        // A door that does not remember what was taken back.
        config: { connection: "ledger", url: "/do/pay-undo", method: "POST" },
      },
    }),
  ],
}

let product: LedgerNode | undefined
let gate: TcpGate | undefined
/** Its way to Temporal leads through the gate. */
let lost: HoldfastNode | undefined

beforeAll(async () => {
  product = await startLedgerNode()
  const [host = "", port] = product.targets.temporalAddress.split(":")
  gate = await openTcpGate({ host, port: Number(port) })
  lost = await createNode({ ...product.targets, temporalAddress: `127.0.0.1:${gate.port}` })
  // The call is to be the other one's.
  await product.node.kill()
  await lost.start()
}, 300_000)
afterAll(async () => {
  gate?.open()
  await lost?.stop()
  await gate?.close()
  await product?.stop()
})

test("39: a charge that is made after its refund is a critical exception", { timeout: 180_000 }, async () => {
  if (!product || !gate || !lost) throw new Error("not started")
  const { ledger, api } = product
  const id = randomUUID()
  await ledger.misbehave("pay", ["latch"], id)
  const first = createNodeApi(lost.url)
  await first.publish(FLOW)
  await first.start("pay", id)
  const arrived = async () => (await ledger.deliveries(id)).map(({ name }) => name)
  await until(arrived, (names) => names.includes("pay"))
  gate.shut()
  await product.node.start()
  expect((await api.post(`/transactions/${id}/cancel`)).status).toBe(200)
  await until(
    () => api.get(`/transactions/${id}?fresh=true`),
    ({ tasks }) => tasks[0].compensation === "success",
  )
  expect(await api.get(`/transactions/${id}?fresh=true`)).toMatchObject({ status: "compensating" })

  expect(await ledger.release("pay")).toBe(1)
  // The worker has heard of it, and then can tell.
  await until(
    () => api.get(`/transactions/${id}/tasks/pay/attempts`),
    ({ list }) => list.some(({ operation }: { operation: string }) => operation === "do"),
  )
  gate.open()
  expect(await api.reaches(id, "compensated")).toMatchObject({ open_exceptions: 1 })
  expect((await ledger.deliveries(id)).map(({ name, effect }) => [name, effect])).toEqual([
    ["pay", true],
    ["pay-undo", true],
  ])
  const { list } = await until(
    () => api.get(`/exceptions?instance_id=${id}`),
    (found) => found.list.length > 0,
  )
  expect(list).toMatchObject([{ task: "pay", kind: "late_execution", severity: "critical", state: "open" }])
})
