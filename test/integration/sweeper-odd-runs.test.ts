/** Workflows that somebody started by hand: no row can be made of some, and that is no reason to look at no other. */
import { randomBytes } from "node:crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { toWorkflowId } from "../../src/contract/names.ts"
import { readStart } from "../../src/store/temporal/read-start.ts"
import { createAdopter } from "../../src/worker/sweeper/adopter.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { startSweepRig, type SweepRig } from "../helpers/sweep-rig.ts"

let rig: SweepRig
/** The arguments of a transaction that the API accepted. */
let start: [object, ...unknown[]]

beforeAll(async () => {
  rig = await startSweepRig()
  await rig.publish("order")
  await rig.startWorker()
  await rig.accept("model")
  const { runId } = await rig.client.workflow.getHandle("default/model").describe()
  const { args } = await readStart(rig.client, { workflowId: "default/model", runId })
  start = args as typeof start
})
afterAll(() => rig.stop())

interface ByHand {
  transaction: string
  memo?: Record<string, unknown>
  input?: object
}

/** As the API would, without a row, and with what the API would not write. */
async function startByHand({ transaction, memo = {}, input = {} }: ByHand): Promise<string> {
  const [first, ...more] = start
  const workflowId = toWorkflowId("default", transaction)
  await rig.client.workflow.start("order", {
    workflowId,
    taskQueue: "holdfast",
    args: [{ ...first, transaction, ...input }, ...more],
    memo,
  })
  return workflowId
}

async function columnsOf(instanceId: string): Promise<unknown> {
  const { rows } = await rig.pool.query(
    "select flow_id, flow_version, business_key from txn where instance_id = $1",
    [instanceId],
  )
  return rows[0]
}

describe("a workflow whose memo or id no row can hold", () => {
  test("keeps no other from its row, and gets one where its transaction can have one", async () => {
    await startByHand({ transaction: "half-version", memo: { version: 1.5 } })
    await startByHand({ transaction: "huge-version", memo: { version: 1e12 } })
    await startByHand({ transaction: "odd-key", memo: { version: 1, business_key: "a\0b" } })
    const long = randomBytes(1_500).toString("hex")
    await startByHand({ transaction: long })
    const broken = `${"x".repeat(250)}\0`
    await startByHand({ transaction: broken })
    await startByHand({ transaction: "bad-hash", input: { plan_hash: "a\0b" } })
    await startByHand({ transaction: "healthy", memo: { flow_id: "order", version: 1, business_key: "k" } })
    for (const id of ["half-version", "huge-version", "odd-key", "healthy"])
      await rig.waitForStatus(id, "COMPLETED")

    const isAdopted = async (id: string) => (await columnsOf(id)) !== undefined
    for (let sweep = 0; sweep < 20 && !(await isAdopted("healthy")); sweep++) await rig.sweeper.sweepOnce()
    await rig.sweepUntil("healthy", ({ transaction }) => transaction.is_confirmed)

    expect(await columnsOf("healthy")).toEqual({ flow_id: "order", flow_version: 1, business_key: "k" })
    for (const id of ["half-version", "huge-version", "odd-key"])
      expect(await columnsOf(id)).toEqual({ flow_id: "order", flow_version: 1, business_key: null })
    const { rows } = await rig.pool.query<{ id: string }>("select instance_id as id from txn order by 1")
    expect(rows.map(({ id }) => id)).toEqual(["half-version", "healthy", "huge-version", "model", "odd-key"])
    expect(rig.lines).toContainEqual({
      level: "warn",
      message: "a workflow cannot be given a row",
      fields: expect.objectContaining({ workflowId: "default/bad-hash" }),
    })
    // What comes later is found as well: the scan goes on from where it was.
    await startByHand({ transaction: "later" })
    await rig.waitForStatus("later", "COMPLETED")
    for (let sweep = 0; sweep < 20 && !(await isAdopted("later")); sweep++) await rig.sweeper.sweepOnce()
    await rig.sweepUntil("later", ({ transaction }) => transaction.is_confirmed)
  })
})

describe("createAdopter()", () => {
  test("leaves alone a run that was deleted since it was listed", async () => {
    const adopt = createAdopter({ pool: rig.pool, client: rig.client, logger: createListeningLogger() })
    const gone = { workflowId: "default/gone", runId: "00000000-0000-4000-8000-000000000000" }
    expect(await adopt(gone)).toEqual({ kind: "foreign" })
  })
})
