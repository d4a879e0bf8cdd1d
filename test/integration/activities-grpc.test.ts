/** A bank over gRPC whose process goes away in the middle of a call, called by an activity worker. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { SHOP_SET } from "../../src/connection/shop-descriptor-set.testsuite.ts"
import { createGrpcBank, type GrpcBank } from "../helpers/grpc-bank.ts"
import { until } from "../helpers/until.ts"
import { startWorkflowRig, type WorkflowRig } from "../helpers/workflow-rig.ts"

let bank: GrpcBank
let rig: WorkflowRig

beforeAll(async () => {
  bank = await createGrpcBank()
  rig = await startWorkflowRig({
    connections: [
      { name: "payment", kind: "grpc", host: "127.0.0.1", port: bank.port, descriptor_set: SHOP_SET },
    ],
  })
})
afterEach(() => bank.end("SIGKILL"))
afterAll(async () => {
  await rig?.stop()
  await bank?.stop()
})

const FLOW = {
  output: "${ tasks.pay.output.payment_id }",
  tasks: [
    {
      id: "pay",
      task_name: "rpc",
      config: { service: "payment", method: "shop.Payment/Charge" },
      input: { order_id: "${ params.order }" },
      effect: "keyed",
      retry: { strategy: "auto", max_attempts: 1_000, interval: "200ms", backoff: 1 },
      timeout: { attempt: "60s" },
    },
  ],
}
/** Of neighbours that are alike, one. */
const storyOf = (instanceId: string) =>
  rig.attempts
    .filter(({ transaction_id }) => transaction_id === instanceId)
    .map((row) => `${row.class} ${row.code ?? ""} ${row.outcome}`)
    .filter((line, at, all) => line !== all[at - 1])

test.each([
  { end: "killed", signal: "SIGKILL", code: "GRPC_UNAVAILABLE" },
  { end: "shut down", signal: "SIGTERM", code: "GRPC_CANCELLED" },
] as const)(
  "24: a server that is $end in the middle of a call leaves it unknown, and one that is not there is asked again: charged once",
  async ({ signal, code }) => {
    const order = `order-${signal}`
    const run = await rig.start(FLOW, { order })
    const reads = (...story: string[]) =>
      until(
        () => storyOf(run.instanceId),
        (lines) => JSON.stringify(lines) === JSON.stringify(story),
      )
    await reads("not_executed ECONNREFUSED not_executed")
    await bank.start("silent")
    await until(
      async () => ({ ...(await bank.books(order)), story: storyOf(run.instanceId) }),
      ({ charged }) => charged.length === 1,
    )
    await bank.end(signal)
    await reads(
      "not_executed ECONNREFUSED not_executed",
      `unknown ${code} unknown`,
      "not_executed ECONNREFUSED unknown",
    )
    await bank.start("answering")
    const { output } = await run.handle.result()
    const { delivered, charged } = await bank.books(order)
    expect(delivered).toEqual([output, output])
    expect(charged).toEqual([output])
    expect(storyOf(run.instanceId).at(-1)).toBe("done  executed")
  },
)
