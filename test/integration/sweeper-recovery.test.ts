import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { LOCK_CLASS, LOCK_SWEEPER } from "../../src/store/advisory-locks.ts"
import { toSeq } from "../../src/store/mirror/order.ts"
import { settleLosses } from "../../src/store/mirror/queries/settle-losses.ts"
import type { StoredMirror } from "../../src/store/mirror/read-mirror.ts"
import { toMonth } from "../../src/store/partitions.ts"
import { openConnection } from "../../src/store/pool.ts"
import { takeBackAhead } from "../../src/worker/sweeper/take-back-ahead.ts"
import { createSweeper, type Sweeper } from "../../src/worker/sweeper.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { decisionRow, exceptionRow, mirrorChange } from "../helpers/mirror-rows.ts"
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
  rig.lines.length = 0
})

const workflowOf = (instanceId: string) => rig.client.workflow.getHandle(`default/${instanceId}`)
const isBlocked = ({ transaction }: StoredMirror) => transaction.row.status === "blocked"
const isConfirmed = ({ transaction }: StoredMirror) => transaction.is_confirmed
const statuses = ({ tasks }: StoredMirror) =>
  Object.fromEntries(tasks.map(({ path, status }) => [path, status]))
const expectNoDifference = async () =>
  expect(await checkMirror({ pool: rig.pool, client: rig.client })).toMatchObject({ differences: [] })

/** A transaction that is parked at `b`, in Temporal and, if rows are mirrored, in the mirror. */
async function park(instanceId: string): Promise<void> {
  rig.behaviours.set("b", "refuse")
  await rig.accept(instanceId)
  await until(
    () => workflowOf(instanceId).query<{ transaction: { status: string } }>("state"),
    ({ transaction }) => transaction.status === "blocked",
  )
  if (rig.mirrors) await until(() => rig.mirror(instanceId), isBlocked)
}

const age = (instanceId: string, seconds: number) =>
  rig.pool.query(
    `update txn set
       created_at = created_at - $2 * interval '1 s', updated_at = updated_at - $2 * interval '1 s',
       checked_at = checked_at - $2 * interval '1 s'
     where instance_id = $1`,
    [instanceId, seconds],
  )

describe("orphans", () => {
  test("are started once they are old enough, whatever ails others", async () => {
    await rig.accept("young", { start: false })
    await rig.accept("orphan", { start: false })
    await rig.accept("taken", { start: false })
    await rig.client.workflow.start("order", { workflowId: "default/taken", taskQueue: "elsewhere" })
    await age("orphan", 10)
    await age("taken", 20)
    expect((await rig.sweeper.sweepOnce()).started).toBe(1)
    await workflowOf("orphan").result()
    expect((await rig.mirror("young")).transaction.is_dispatched).toBe(false)
    expect(rig.lines).toContainEqual(
      expect.objectContaining({
        message: "a transaction cannot start",
        fields: expect.objectContaining({ transaction: "taken" }),
      }),
    )
    // Not asked again at every sweep. The mirror is what it will be before, so that there is nothing to heal.
    await until(
      () => rig.mirror("orphan"),
      ({ transaction }) => transaction.row.status === "success",
    )
    rig.lines.length = 0
    await rig.sweeper.sweepOnce()
    expect(rig.lines).toEqual([])
    await rig.pool.query("delete from txn where instance_id in ('taken', 'young')")
    await workflowOf("taken").terminate()
  })
})

describe("an open transaction that does not move", () => {
  test("is healed where rows were lost, and then left in peace", async () => {
    rig.mirrors = false
    await park("still")
    expect((await rig.sweeper.sweepOnce()).checked).toBe(0)
    await age("still", 61)
    expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1, healed: 1 })
    const mirror = await rig.mirror("still")
    expect(statuses(mirror)).toEqual({ a: "success", b: "parked" })
    expect(mirror.exceptions).toHaveLength(1)
    await age("still", 61)
    expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1, healed: 0 })
    expect((await rig.sweeper.sweepOnce()).checked).toBe(0)
    await expectNoDifference()
  })

  test("is not overwritten by what was seen while it moves on", async () => {
    await park("moving")
    await age("moving", 61)
    await rig.sweeper.sweepOnce()
    // Nothing differed; the row is known to be as new as the history, so that nobody asks again.
    const { historyLength } = await workflowOf("moving").describe()
    expect((await rig.mirror("moving")).transaction.seq).toBe(toSeq(historyLength, 0))
    rig.behaviours.clear()
    await workflowOf("moving").executeUpdate("decide", {
      args: [{ id: "d", action: "retry", task: "b", actor: "ann", reason: "mended", attest: "not_executed" }],
      updateId: "d",
    })
    await workflowOf("moving").result()
    await rig.sweepUntil("moving", isConfirmed)
    expect((await rig.mirror("moving")).transaction.row.status).toBe("success")
    await expectNoDifference()
  })
})

describe("a vanished mirror writer", () => {
  test("makes the sweeper compare what is open, and is forgotten then", async () => {
    rig.mirrors = false
    await park("crashed")
    expect((await rig.sweeper.sweepOnce()).checked).toBe(0)
    const writer = rig.openWriter()
    writer.attempt({ ...ATTEMPT, transaction_id: "crashed" })
    await writer.flush()
    await rig.pool.query(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = (select max(id) from mirror_writer)::oid",
    )
    const summary = await rig.sweepUntil("crashed", isBlocked)
    expect(summary.vanished_writers).toBe(1)
    expect(summary.healed).toBeGreaterThanOrEqual(1)
    await until(
      async () => {
        await rig.sweeper.sweepOnce()
        return rig.pool.query("select from mirror_writer where vanished_at is not null")
      },
      ({ rowCount }) => rowCount === 0,
    )
    await expectNoDifference()
  })
})

describe("a transaction whose rows a mirror writer refused", () => {
  test("is healed at once, and then known to be whole", async () => {
    rig.mirrors = false
    await park("refused")
    const loss = {
      tenant: "default",
      transaction_id: "refused",
      reset_run: undefined,
      chain: 0,
      seq: toSeq(3, 0),
    }
    const client = await openConnection(rig.pool, () => {})
    try {
      expect(await settleLosses(client, [loss])).toEqual([])
      expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1, healed: 1 })
      expect(statuses(await rig.mirror("refused"))).toEqual({ a: "success", b: "parked" })
      expect(await settleLosses(client, [loss])).toEqual([loss])
      expect((await rig.sweeper.sweepOnce()).checked).toBe(0)
    } finally {
      await client.end()
    }
    await expectNoDifference()
  })
})

describe("a mirror that was told what Temporal never got", () => {
  /** As a worker tells of a retry, and dies before it answers. @returns what the mirror had before. */
  async function tellRetry(instanceId: string): Promise<StoredMirror> {
    const before = await rig.mirror(instanceId)
    const { transaction, tasks, exceptions } = before
    const { runId, historyLength } = await workflowOf(instanceId).describe()
    const at = Date.now()
    const writer = rig.openWriter()
    writer.push(
      mirrorChange({
        transaction_id: instanceId,
        workflow_id: `default/${instanceId}`,
        run_id: runId,
        history_length: historyLength + 2,
        complete: true,
        transaction: { ...transaction.row, status: "running", version: 9, open_exceptions: 0 },
        tasks: tasks.map((task) =>
          task.path === "b" ? { ...task, status: "running", generation: 2 } : task,
        ),
        exceptions: [
          ...exceptions.map((row) => ({ ...row, state: "resolved" as const, resolved_at: at })),
          exceptionRow({ task: "a", operation: "undo", kind: "compensation_failed" }),
        ],
        decisions: [decisionRow({ decision_id: "told", task: "b", at })],
      }),
    )
    await writer.flush()
    expect(statuses(await rig.mirror(instanceId))).toEqual({ a: "success", b: "running" })
    return before
  }
  const decisionsOf = async (instanceId: string) => {
    const { rows } = await rig.pool.query<{ decision_id: string }>(
      "select decision_id from decision where instance_id = $1 order by decided_at",
      [instanceId],
    )
    return rows.map(({ decision_id }) => decision_id)
  }
  const retry = (instanceId: string, id: string) =>
    workflowOf(instanceId).executeUpdate("decide", {
      args: [{ id, action: "retry", task: "b", actor: "ann", reason: "mended", attest: "not_executed" }],
      updateId: id,
    })

  test("is not taken for what the run is when it was moved back, and nothing written then", async () => {
    await park("ahead-half")
    const before = await tellRetry("ahead-half")
    const stored = await rig.mirror("ahead-half")
    const { runId: run_id, historyLength } = await workflowOf("ahead-half").describe()
    const run = { workflow_id: "", run_id, history_length: historyLength, started_at: 0, closed_at: null }
    expect(await takeBackAhead(rig.pool, stored, run)).toBe(true)
    // Of a row that has changed nothing is taken back.
    expect(await takeBackAhead(rig.pool, stored, run)).toBe(false)
    await age("ahead-half", 61)
    expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1, healed: 1 })
    expect((await rig.mirror("ahead-half")).tasks).toEqual(before.tasks)
    await expectNoDifference()
  })

  test("is left alone where a refused decision alone was told, and says nothing", async () => {
    await park("ahead-same")
    const { transaction, tasks, exceptions } = await rig.mirror("ahead-same")
    const { runId, historyLength } = await workflowOf("ahead-same").describe()
    const writer = rig.openWriter()
    writer.push(
      mirrorChange({
        transaction_id: "ahead-same",
        workflow_id: "default/ahead-same",
        run_id: runId,
        history_length: historyLength + 2,
        complete: true,
        transaction: transaction.row,
        tasks,
        exceptions,
      }),
    )
    await writer.flush()
    await age("ahead-same", 61)
    rig.lines.length = 0
    expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1, healed: 0 })
    expect(rig.lines).toEqual([])
    await age("ahead-same", 61)
    expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1, healed: 0 })
    expect((await rig.mirror("ahead-same")).transaction.seq).toBe(toSeq(historyLength, 0))
  })

  test("is what the run is, once it is sure that nothing is on its way, and follows it from there", async () => {
    await park("ahead")
    // One that was taken before stays.
    await retry("ahead", "before")
    const isParkedAgain = ({ transaction, exceptions }: StoredMirror) =>
      transaction.row.status === "blocked" && exceptions.some(({ occurrence }) => occurrence === 2)
    await until(() => rig.mirror("ahead"), isParkedAgain)
    const before = await tellRetry("ahead")
    await age("ahead", 20)
    await rig.pool.query("update txn set checked_at = '-infinity' where instance_id = 'ahead'")
    expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1, healed: 0 })
    await age("ahead", 61)
    expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1, healed: 1 })
    const { transaction, tasks, exceptions } = await rig.mirror("ahead")
    expect(transaction.row).toEqual(before.transaction.row)
    expect(tasks).toEqual(before.tasks)
    const [untold, ...others] = exceptions.toSorted((one) => (one.operation === "undo" ? -1 : 1))
    expect(others).toEqual(before.exceptions)
    expect(untold).toMatchObject({ operation: "undo", state: "superseded" })
    expect(await decisionsOf("ahead")).toEqual(["before"])
    expect(rig.lines).toContainEqual(
      expect.objectContaining({
        message: "decisions were told that Temporal never got: they are forgotten",
        fields: { tenant: "default", transaction_id: "ahead", decisions: ["told"] },
      }),
    )
    await expectNoDifference()
    rig.behaviours.clear()
    await retry("ahead", "told")
    await until(
      () => rig.mirror("ahead"),
      ({ transaction: { row } }) => row.status === "success",
    )
    expect(await decisionsOf("ahead")).toEqual(["before", "told"])
    await rig.sweepUntil("ahead", isConfirmed)
    await expectNoDifference()
  })

  test("is at its end what the run ended as", async () => {
    await park("ahead-ended")
    await tellRetry("ahead-ended")
    await workflowOf("ahead-ended").terminate("by hand")
    await rig.sweepUntil("ahead-ended", isConfirmed)
    const mirror = await rig.mirror("ahead-ended")
    expect(mirror.transaction.row).toMatchObject({ status: "failed", error: { code: "orchestrator_lost" } })
    expect(statuses(mirror)).toEqual({ a: "success", b: "parked" })
    expect(await decisionsOf("ahead-ended")).toEqual([])
    await expectNoDifference()
  })
})

const ATTEMPT = {
  tenant: "default",
  task: "a",
  generation: 1,
  operation: "do",
  attempt: 1,
  class: "done",
  outcome: "executed",
  code: null,
  message: null,
  request: null,
  response: null,
  peer: null,
  bytes_sent: null,
  bytes_received: null,
  started_at: 1,
  ended_at: 2,
} as const

describe("a reset", () => {
  async function reset(instanceId: string): Promise<string> {
    const handle = workflowOf(instanceId)
    const { runId } = await handle.describe()
    const { events } = await handle.fetchHistory()
    const first = events?.find((event) => event.workflowTaskCompletedEventAttributes)
    if (!first?.eventId) throw new Error("no workflow task was completed")
    const answer = await rig.client.workflowService.resetWorkflowExecution({
      namespace: rig.namespace,
      workflowExecution: { workflowId: `default/${instanceId}`, runId },
      workflowTaskFinishEventId: first.eventId,
      reason: "test",
      requestId: `reset-${instanceId}-${runId}`,
    })
    return answer.runId
  }

  test("of an open run is followed by its rows, and no row of the abandoned run stays", async () => {
    await park("reset-open")
    rig.behaviours.set("a", "hang")
    const run = await reset("reset-open")
    const mirror = await until(
      () => rig.mirror("reset-open"),
      ({ transaction }) => transaction.run_id === run,
    )
    expect(mirror.transaction).toMatchObject({ resets: 1, reset_run: run, row: { status: "running" } })
    await until(
      () => rig.mirror("reset-open"),
      ({ exceptions }) => exceptions[0]?.state === "superseded",
    )
    expect(statuses(await rig.mirror("reset-open"))).toEqual({ a: "running" })
    rig.behaviours.clear()
    await workflowOf("reset-open").result()
    await rig.sweepUntil("reset-open", isConfirmed)
    await expectNoDifference()
  })

  test("of a confirmed end is noticed by the sweeper, when its rows are lost", async () => {
    rig.behaviours.set("a", "refuse")
    await rig.accept("reset-closed", { flowId: "brittle" })
    await rig.waitForStatus("reset-closed", "FAILED")
    await rig.sweepUntil("reset-closed", isConfirmed)
    rig.mirrors = false
    rig.behaviours.set("a", "hang")
    const run = await reset("reset-closed")
    await rig.sweepUntil("reset-closed", ({ transaction }) => transaction.run_id === run)
    const reopened = await rig.mirror("reset-closed")
    expect(reopened.transaction).toMatchObject({ resets: 1, is_confirmed: false, row: { status: "running" } })
    rig.behaviours.clear()
    await rig.waitForStatus("reset-closed", "COMPLETED")
    await rig.sweepUntil("reset-closed", isConfirmed)
    expect((await rig.mirror("reset-closed")).transaction.row.status).toBe("success")
    await expectNoDifference()
  })

  test("that was numbered too low is put right", async () => {
    await park("reset-twice")
    const first = await reset("reset-twice")
    await until(
      () => rig.mirror("reset-twice"),
      ({ transaction }) => transaction.run_id === first,
    )
    rig.mirrors = false
    const second = await reset("reset-twice")
    // As if rows of the first reset had come after those of the second.
    await rig.pool.query("insert into txn_reset values ('default', 'reset-twice', $1, 9)", [second])
    await rig.pool.query(
      "update txn_reset set resets = 20 where instance_id = 'reset-twice' and run_id = $1",
      [first],
    )
    await rig.pool.query("update txn set resets = 20 where instance_id = 'reset-twice'")
    await age("reset-twice", 61)
    await rig.sweepUntil("reset-twice", ({ transaction }) => transaction.run_id === second)
    expect((await rig.mirror("reset-twice")).transaction.resets).toBe(21)
    await until(
      () => workflowOf("reset-twice").query<{ transaction: { status: string } }>("state"),
      ({ transaction }) => transaction.status === "blocked",
    )
    await age("reset-twice", 61)
    await rig.sweepUntil("reset-twice", isBlocked)
    await expectNoDifference()
  })
})

describe("a transaction that only Temporal knows", () => {
  test("gets its row back", async () => {
    rig.behaviours.set("b", "refuse")
    await park("rowless")
    await rig.pool.query("delete from txn where instance_id = 'rowless'")
    const found = () => rig.mirror("rowless").catch(() => undefined)
    await until(
      async () => {
        await rig.sweeper.sweepOnce()
        return found()
      },
      (mirror) => mirror !== undefined && isBlocked(mirror),
    )
    const { rows } = await rig.pool.query(
      "select flow_id, flow_version, actor, params from txn where instance_id = 'rowless'",
    )
    expect(rows).toEqual([{ flow_id: "order", flow_version: 1, actor: "temporal", params: { amount: 5 } }])
    await expectNoDifference()
  })

  test("is not made of a workflow that is none of Holdfast's", async () => {
    await rig.client.workflow.start("order", {
      workflowId: "default/foreign",
      taskQueue: "holdfast",
      args: [{ tenant: "default", transaction: "another", plan_hash: "x" }],
    })
    await rig.waitForStatus("foreign", "FAILED")
    // A sweep before the list has it would see nothing to adopt.
    await until(
      () => rig.client.workflow.count("WorkflowId = 'default/foreign'"),
      ({ count }) => count === 1,
    )
    await rig.sweeper.sweepOnce()
    const { rows } = await rig.pool.query("select from txn where instance_id in ('foreign', 'another')")
    expect(rows).toEqual([])
  })
})

describe("a transaction that Temporal does not know", () => {
  test("keeps its status, and somebody must look", async () => {
    await rig.accept("missing", { start: false })
    await rig.pool.query("update txn set dispatched_at = now() where instance_id = 'missing'")
    await age("missing", 61)
    await rig.sweepUntil("missing", ({ exceptions }) => exceptions.length > 0)
    await age("missing", 1_000)
    expect(await rig.sweeper.sweepOnce()).toMatchObject({ checked: 1 })
    const mirror = await rig.mirror("missing")
    expect(mirror.transaction.row).toMatchObject({ status: "pending", open_exceptions: 1 })
    expect(mirror.exceptions).toEqual([
      expect.objectContaining({
        kind: "orchestrator_lost",
        code: "workflow_missing",
        state: "open",
        occurrence: 1,
      }),
    ])
    const { differences } = await checkMirror({ pool: rig.pool, client: rig.client })
    expect(differences).toEqual([
      expect.objectContaining({ transaction_id: "missing", field: "workflow", temporal: "missing" }),
    ])
    await rig.pool.query("delete from txn where instance_id = 'missing'")
  })
})

describe("checkMirror()", () => {
  test("says that it needs a worker, and passes over what was not started", async () => {
    await rig.stopWorker()
    const check = checkMirror({ pool: rig.pool, client: rig.client })
    await expect(check).rejects.toThrow("a worker must run")
    await rig.startWorker()
    await rig.accept("waiting", { start: false })
    await expectNoDifference()
  })

  test("finds each field that differs and heals none", async () => {
    await park("altered")
    await rig.pool.query("update txn set version = 77 where instance_id = 'altered'")
    await rig.pool.query(
      "update txn_task set output = '{\"done\":\"x\"}' where instance_id = 'altered' and path = 'a'",
    )
    for (let times = 0; times < 2; times++) {
      const { differences } = await checkMirror({ pool: rig.pool, client: rig.client, tenant: "default" })
      expect(
        differences.map(({ transaction_id, entity, key, field }) => [transaction_id, entity, key, field]),
      ).toEqual([
        ["altered", "transaction", "", "version"],
        ["altered", "task", "a", "output"],
      ])
    }
    expect(await checkMirror({ pool: rig.pool, client: rig.client, tenant: "other" })).toEqual({
      checked: 0,
      expired: 0,
      differences: [],
    })
    await rig.pool.query("delete from txn where instance_id = 'altered'")
  })

  test("counts an end that Temporal has forgotten as expired", async () => {
    await rig.accept("expired", { start: false })
    await rig.pool.query(
      "update txn set dispatched_at = now(), status = 'success' where instance_id = 'expired'",
    )
    const result = await checkMirror({ pool: rig.pool, client: rig.client })
    expect(result).toMatchObject({ expired: 1, differences: [] })
    await rig.pool.query("delete from txn where instance_id = 'expired'")
  })
})

describe("leadership", () => {
  test("belongs to one sweeper, and passes on when that one stops or loses its connection", async () => {
    const sweepers: Sweeper[] = []
    const open = () => {
      const sweeper = createSweeper({
        pool: rig.pool,
        client: rig.client,
        dispatcher: rig.dispatcher,
        writer: rig.openWriter(),
        logger: { debug() {}, info() {}, warn() {}, error() {} },
        intervals: { lead: 50, orphans: 50 },
      })
      sweepers.push(sweeper)
      return sweeper
    }
    const leaders = async () =>
      (
        await rig.pool.query<{ pid: number }>(
          `select pid from pg_locks where locktype = 'advisory' and classid = ${LOCK_CLASS} and objid = ${LOCK_SWEEPER} and granted`,
        )
      ).rows
    const [first, second] = [open(), open()]
    const partitions = async () =>
      (
        await rig.pool.query(
          "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'txn_attempt'::regclass",
        )
      ).rowCount
    await rig.pool.query(`drop table ${toMonth("txn_attempt", new Date(), 2).name}`)
    const before = await partitions()
    first.start()
    // A part whose turn is once a day has it when leadership begins.
    await until(partitions, (count) => count !== before)
    const [one] = await until(leaders, (found) => found.length === 1)
    second.start()
    await rig.accept("led", { start: false })
    await age("led", 10)
    await until(
      () => rig.mirror("led"),
      ({ transaction }) => transaction.is_dispatched,
    )
    await first.stop()
    const [two] = await until(leaders, (found) => found.length === 1 && found[0]?.pid !== one?.pid)
    await rig.pool.query("select pg_terminate_backend($1)", [two?.pid])
    await until(leaders, (found) => found.length === 1 && found[0]?.pid !== two?.pid)
    await second.stop()
    expect(await leaders()).toEqual([])
  })
})
