import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { StoredMirror } from "../../src/store/mirror/read-mirror.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { startSweepRig, type SweepRig } from "../helpers/sweep-rig.ts"
import { until } from "../helpers/until.ts"

let rig: SweepRig

beforeAll(async () => {
  rig = await startSweepRig()
  await rig.publish("order")
  await rig.publish("brittle", { onError: "fail" })
  await rig.startWorker()
})
afterAll(() => rig.stop())

beforeEach(() => {
  rig.mirrors = true
  rig.behaviours.clear()
})

const isConfirmed = ({ transaction }: StoredMirror) => transaction.is_confirmed
const statuses = ({ tasks }: StoredMirror) =>
  Object.fromEntries(tasks.map(({ path, status }) => [path, status]))
const expectNoDifference = async () =>
  expect(await checkMirror({ pool: rig.pool, client: rig.client })).toMatchObject({ differences: [] })

/** Temporal's visibility is written a moment after the fact. */
const untilListed = (instanceId: string) =>
  until(
    () => rig.client.workflow.count(`WorkflowId = "default/${instanceId}" AND ExecutionStatus != "Running"`),
    ({ count }) => count > 0,
  )

describe("an end that the mirror has right", () => {
  test("is provisional until Temporal's close status was seen, and then confirmed without asking the workflow", async () => {
    await rig.accept("clean")
    await rig.waitForStatus("clean", "COMPLETED")
    await until(
      () => rig.mirror("clean"),
      ({ transaction }) => transaction.row.status === "success",
    )
    expect(isConfirmed(await rig.mirror("clean"))).toBe(false)
    const summary = await rig.sweepUntil("clean", isConfirmed)
    expect(summary).toMatchObject({ confirmed: 1, checked: 0, healed: 0 })
    await expectNoDifference()
  })
})

describe("an end whose rows were lost", () => {
  test("of a success is made from the workflow", async () => {
    rig.mirrors = false
    await rig.accept("lost-success")
    await rig.waitForStatus("lost-success", "COMPLETED")
    await rig.sweepUntil("lost-success", isConfirmed)
    const mirror = await rig.mirror("lost-success")
    expect(mirror.transaction.row).toMatchObject({ status: "success", output: { done: "b" } })
    expect(statuses(mirror)).toEqual({ a: "success", b: "success" })
    await expectNoDifference()
  })

  test("of a failure is made from the workflow", async () => {
    rig.mirrors = false
    rig.behaviours.set("b", "refuse")
    await rig.accept("lost-failure", { flowId: "brittle" })
    await rig.waitForStatus("lost-failure", "FAILED")
    const summary = await rig.sweepUntil("lost-failure", isConfirmed)
    expect(summary.healed).toBe(1)
    const mirror = await rig.mirror("lost-failure")
    expect(mirror.transaction.row).toMatchObject({ status: "failed", error: { code: "HTTP_422", task: "b" } })
    expect(statuses(mirror)).toEqual({ a: "success", b: "failed" })
    await expectNoDifference()
  })

  test("of a cancel is made from the workflow, whose failure carries nothing", async () => {
    rig.behaviours.set("b", "refuse")
    await rig.accept("lost-cancel")
    await until(
      () => rig.mirror("lost-cancel"),
      ({ transaction }) => transaction.row.status === "blocked",
    )
    rig.mirrors = false
    await rig.client.workflow.getHandle("default/lost-cancel").cancel()
    await rig.waitForStatus("lost-cancel", "CANCELLED")
    await rig.sweepUntil("lost-cancel", isConfirmed)
    expect((await rig.mirror("lost-cancel")).transaction.row.status).toBe("cancelled")
    await expectNoDifference()
  })

  test("is made from the workflow where nobody noted its start either, as soon as that is made up for", async () => {
    rig.mirrors = false
    await rig.accept("eager")
    await rig.waitForStatus("eager", "COMPLETED")
    // As after an eager start whose process died before its first rows were written.
    await rig.pool.query(
      "update txn set dispatched_at = null, created_at = now() where instance_id = 'eager'",
    )
    await untilListed("eager")
    await rig.sweeper.sweepOnce()
    expect((await rig.mirror("eager")).transaction.is_dispatched).toBe(false)
    await rig.pool.query("update txn set created_at = now() - interval '10 s' where instance_id = 'eager'")
    // Nobody looks at it as a young or as a stale one so soon.
    await until(
      async () => {
        await rig.sweeper.sweepOnce()
        return rig.mirror("eager")
      },
      isConfirmed,
      { timeoutMs: 20_000 },
    )
    expect(statuses(await rig.mirror("eager"))).toEqual({ a: "success", b: "success" })
    await expectNoDifference()
  })

  test("is found where only the last rows are missing, although the status agrees", async () => {
    rig.behaviours.set("b", "refuse")
    await rig.accept("half", { flowId: "brittle" })
    await rig.waitForStatus("half", "FAILED")
    await until(
      () => rig.mirror("half"),
      ({ transaction }) => transaction.row.status === "failed",
    )
    // As if the last rows had come from an activation before the last one.
    await rig.pool.query("update txn set seq = seq - 3 * 1048576, error = null where instance_id = 'half'")
    await rig.pool.query(
      "update txn_task set seq = seq - 3 * 1048576, status = 'running' where instance_id = 'half' and path = 'b'",
    )
    await rig.sweepUntil("half", isConfirmed)
    expect(statuses(await rig.mirror("half"))).toEqual({ a: "success", b: "failed" })
    await expectNoDifference()
  })
})

describe("a terminated workflow", () => {
  test("is a failed transaction that somebody must look at, and no task of it runs", async () => {
    rig.behaviours.set("b", "hang")
    await rig.accept("terminated")
    await until(
      () => rig.mirror("terminated"),
      (mirror) => statuses(mirror)["b"] === "running",
    )
    await rig.client.workflow.getHandle("default/terminated").terminate("by mistake")
    await rig.sweepUntil("terminated", isConfirmed)
    rig.behaviours.delete("b")
    const mirror = await rig.mirror("terminated")
    expect(mirror.transaction.row).toMatchObject({
      status: "failed",
      open_exceptions: 1,
      error: { code: "orchestrator_lost", message: "The workflow was terminated: by mistake" },
    })
    expect(mirror.tasks.find(({ path }) => path === "b")).toMatchObject({
      status: "cancelled",
      outcome: "unknown",
    })
    expect(mirror.exceptions).toEqual([
      expect.objectContaining({ task: null, kind: "orchestrator_lost", state: "open" }),
    ])
    await expectNoDifference()
  })
})

describe("a closed run while no worker is there", () => {
  test("shows Temporal's status at once, and is confirmed once its tasks could be read", async () => {
    rig.mirrors = false
    await rig.accept("alone")
    await rig.waitForStatus("alone", "COMPLETED")
    await rig.stopWorker()
    await rig.sweepUntil("alone", ({ transaction }) => transaction.row.status === "success")
    const early = await rig.mirror("alone")
    expect(early.transaction).toMatchObject({ is_confirmed: false, row: { output: { done: "b" } } })
    await rig.startWorker()
    await rig.sweepUntil("alone", isConfirmed)
    expect(statuses(await rig.mirror("alone"))).toEqual({ a: "success", b: "success" })
    await expectNoDifference()
  })

  test("shows at once what the failure tells of the tasks", async () => {
    rig.mirrors = false
    rig.behaviours.set("a", "refuse")
    await rig.accept("told", { flowId: "brittle" })
    await rig.waitForStatus("told", "FAILED")
    await rig.stopWorker()
    await rig.sweepUntil("told", ({ transaction }) => transaction.row.status === "failed")
    const early = await rig.mirror("told")
    expect(statuses(early)["a"]).toBe("failed")
    expect(early).toMatchObject({ transaction: { is_confirmed: false }, tasks: [{ input: null }, {}] })
    await rig.startWorker()
    await rig.sweepUntil("told", isConfirmed)
    await expectNoDifference()
  })
})
