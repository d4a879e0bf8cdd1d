/**
 * A target forgets keys, and a person presses Retry after that on a payment whose outcome is unknown: through the
 * whole product, from HTTP to a target that would really pay twice.
 */
import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Fault } from "../helpers/effect-ledger.ts"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { ask, task } from "../helpers/ledger-task.ts"
import { until } from "../helpers/until.ts"

const pay = (more: object = {}) =>
  task({
    id: "pay",
    dedup_window: "2s",
    retry: { strategy: "manual", max_attempts: 1 },
    timeout: { attempt: "1s" },
    ...more,
  })
const ship = task({ id: "ship", depends_on: ["pay"] })
const FLOWS = [
  { name: "asked", tasks: [pay({ probe: ask("find") }), ship] },
  { name: "fenced", tasks: [pay({ probe: ask("fence", { fences: true }) }), ship] },
  { name: "attested", tasks: [pay(), ship] },
]

let product: LedgerNode | undefined
let ledger: LedgerNode["ledger"]
let api: LedgerNode["api"]

beforeAll(async () => {
  product = await startLedgerNode()
  ;({ ledger, api } = product)
  for (const flow of FLOWS) await api.publish(flow)
})
afterAll(() => product?.stop())

/** Sent, not answered, and forgotten by its target: a second call under its key would pay again. */
async function payAndLose(flow: string, fault: Fault): Promise<{ id: string; exception: number }> {
  const id = `${flow}-${randomUUID().slice(0, 8)}`
  await ledger.misbehave("pay", [fault, "forgetful"], id)
  // Nor does it answer when it is asked, as it is by itself, once a call ends as unknown.
  for (const door of ["pay-find", "pay-fence"]) await ledger.misbehave(door, ["unavailable", "cut"], id)
  await api.start(flow, id)
  await api.reaches(id, "blocked")
  const exception = await until(
    () => api.exceptionOf(id),
    (found) => found?.retry_safe === false,
  )
  expect(exception).toMatchObject({ kind: "unknown_outcome", outcome: "unknown", retry_safe: false })
  return { id, exception: exception?.id ?? 0 }
}

/** However it is pressed. */
async function expectRefused({ id, exception }: { id: string; exception: number }): Promise<void> {
  const reason = expect.stringMatching(/may have forgotten the key since: ask it \(probe\).*attest/)
  expect(await api.post(`/exceptions/${exception}/retry`)).toMatchObject({
    status: 409,
    json: { error: "outside_dedup_window", detail: reason, data: null },
  })
  const body = { action: "retry", task: "pay", reason: "the customer is waiting" }
  expect(await api.post(`/transactions/${id}/decisions`, body)).toMatchObject({
    status: 409,
    json: { error: "outside_dedup_window", detail: reason },
  })
  expect(await api.post(`/transactions/${id}/retry`)).toMatchObject({
    status: 409,
    json: { error: "nothing_retryable", detail: expect.stringMatching(/ask its target \(probe\).*attest/) },
  })
  expect(await api.get(`/transactions/${id}`)).toMatchObject({ status: "blocked" })
}

const decide = (id: string, decision: object) =>
  api.post(`/transactions/${id}/decisions`, { task: "pay", reason: "looked it up", ...decision })

async function effectsOf(id: string): Promise<string[]> {
  return (await ledger.deliveries(id)).filter(({ effect }) => effect).map(({ name }) => name)
}
/** Every call for the payment itself that came to the target. */
async function paymentsOf(id: string): Promise<number> {
  return (await ledger.deliveries(id)).filter(({ name }) => name === "pay").length
}

describe("a payment of unknown outcome outside its dedup window", () => {
  test.each(["hang_after", "reply_lost"] as const)(
    "is not retried, and found by asking (%s)",
    async (fault) => {
      const lost = await payAndLose("asked", fault)
      await expectRefused(lost)
      const { suggested_actions, retry_safe_reason } = (await api.exceptionOf(lost.id)) ?? {}
      expect(suggested_actions).toEqual(
        expect.arrayContaining(["probe", "complete with attest executed", "retry with attest not_executed"]),
      )
      expect(suggested_actions).not.toContain("retry")
      expect(retry_safe_reason).toMatch(/ a repeat could do it again\.$/)
      expect(await decide(lost.id, { action: "probe" })).toMatchObject({ status: 200 })
      await api.reaches(lost.id, "success")
      expect(await effectsOf(lost.id)).toEqual(["pay", "ship"])
      expect(await paymentsOf(lost.id)).toBe(1)
      expect(await api.get(`/exceptions/${lost.exception}`)).toMatchObject({ state: "auto_resolved" })
    },
  )

  test("is fenced off where nothing happened, and then sent anew under a key of its own", async () => {
    const lost = await payAndLose("fenced", "hang")
    await expectRefused(lost)
    expect((await api.exceptionOf(lost.id))?.suggested_actions).toContain("probe")
    expect(await decide(lost.id, { action: "probe" })).toMatchObject({ status: 200 })
    const open = await until(
      () => api.exceptionOf(lost.id),
      (found) => found?.retry_safe === true,
    )
    expect(open).toMatchObject({ outcome: "not_executed" })
    expect(await api.post(`/exceptions/${open?.id}/retry`)).toMatchObject({ status: 200 })
    await api.reaches(lost.id, "success")
    expect(await effectsOf(lost.id)).toEqual(["pay", "ship"])
    const keys = (await ledger.deliveries(lost.id)).filter(({ name }) => name === "pay").map(({ key }) => key)
    expect(new Set(keys).size).toBe(2)
  })

  test("is completed by a person who found it at the target", async () => {
    const lost = await payAndLose("attested", "reply_lost")
    await expectRefused(lost)
    expect((await api.exceptionOf(lost.id))?.suggested_actions).toEqual([
      "complete with attest executed",
      "retry with attest not_executed",
      "skip with attest",
    ])
    expect(await decide(lost.id, { action: "probe" })).toMatchObject({
      status: 409,
      json: { error: "no_probe" },
    })
    const attest = { action: "complete", attest: "executed", evidence: "statement 7", output: { id: "x" } }
    expect(await decide(lost.id, attest)).toMatchObject({ status: 200 })
    await api.reaches(lost.id, "success")
    expect(await effectsOf(lost.id)).toEqual(["pay", "ship"])
    expect(await paymentsOf(lost.id)).toBe(1)
  })

  test("is sent again once a person attests that it did not happen", async () => {
    const lost = await payAndLose("attested", "hang")
    await expectRefused(lost)
    const attest = { action: "retry", attest: "not_executed", evidence: "no line in statement 7" }
    expect(await decide(lost.id, attest)).toMatchObject({ status: 200 })
    await api.reaches(lost.id, "success")
    expect(await effectsOf(lost.id)).toEqual(["pay", "ship"])
  })
})
