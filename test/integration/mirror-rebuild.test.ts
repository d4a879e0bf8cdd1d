import { fileURLToPath } from "node:url"
import { Worker } from "@temporalio/worker"
import type { Pool } from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { DEFAULT_THRESHOLDS, type StartInput } from "../../src/contract/messages.ts"
import { createPlanCache } from "../../src/store/dispatch/plan-cache.ts"
import { toStartArguments, toStartOptions } from "../../src/store/dispatch/start-options.ts"
import type { StoredMirror } from "../../src/store/mirror/read-mirror.ts"
import { findStart } from "../../src/store/queries/find-start.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { rebuildMirror } from "../../src/worker/mirror-rebuild.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { startSweepRig, type SweepRig } from "../helpers/sweep-rig.ts"
import { until } from "../helpers/until.ts"

let rig: SweepRig

const workflowOf = (instanceId: string) => rig.client.workflow.getHandle(`default/${instanceId}`)
const hasStatus = (status: string) => (mirror: StoredMirror) => mirror.transaction.row.status === status
const rebuild = (transaction_id?: string) =>
  rebuildMirror({
    pool: rig.pool,
    client: rig.client,
    logger: createListeningLogger(),
    ...(transaction_id === undefined ? {} : { transaction: { tenant: "default", transaction_id } }),
  })
const decide = (instanceId: string, id: string, decision: object) =>
  workflowOf(instanceId).executeUpdate("decide", {
    args: [{ id, actor: "ann", reason: "seen", ...decision }],
    updateId: id,
  })

beforeAll(async () => {
  rig = await startSweepRig()
  await rig.publish("order")
  await rig.publish("brittle", { onError: "fail" })
  await rig.publish("careful", { effect: "unsafe" })
  await rig.publish("long", { tasks: ["a", "b", "c", "d", "e", "f"] })
  await rig.startWorker()
  await succeed("success")
  await park("parked")
  await decideTwice("decided")
  await failAndResume("resumed")
  await cancel("cancelled")
  await pause("paused")
  await continueAsNew("continued")
  await resetFromStart("reset")
  await terminate("terminated")
  await until(
    async () => {
      await rig.sweeper.sweepOnce()
      return checkMirror({ pool: rig.pool, client: rig.client })
    },
    ({ differences }) => differences.length === 0,
  )
})
afterAll(() => rig.stop())

async function succeed(id: string): Promise<void> {
  await rig.accept(id)
  await until(() => rig.mirror(id), hasStatus("success"))
}

async function park(id: string, flowId = "order"): Promise<void> {
  rig.behaviours.set("b", "refuse")
  await rig.accept(id, { flowId })
  await until(() => rig.mirror(id), hasStatus("blocked"))
  rig.behaviours.delete("b")
}

/** The second record is of a later generation than the first, which the workflow then forgets. */
async function decideTwice(id: string): Promise<void> {
  await park(id)
  rig.behaviours.set("b", "refuse")
  await decide(id, `${id}-retry`, { action: "retry_with_input", task: "b", input: { amount: 6 } })
  await until(
    () => rig.mirror(id),
    ({ exceptions }) => exceptions.length === 2,
  )
  rig.behaviours.delete("b")
  const complete = { action: "complete", task: "b", output: { done: "by hand" }, attest: "executed" }
  await decide(id, `${id}-complete`, complete)
  await until(() => rig.mirror(id), hasStatus("success"))
}

async function failAndResume(id: string): Promise<void> {
  await rig.accept(id, { flowId: "brittle", start: false })
  await failStoredAndResume(id)
}

async function failStoredAndResume(id: string): Promise<void> {
  rig.behaviours.set("b", "refuse")
  await rig.dispatcher.dispatch("default", id)
  await until(() => rig.mirror(id), hasStatus("failed"))
  await rig.waitForStatus(id, "FAILED")
  rig.behaviours.delete("b")
  const decision = {
    id: `${id}-1`,
    action: "retry",
    actor: "ann",
    reason: "mended",
    attest: "not_executed",
  } as const
  await until(
    () => rig.dispatcher.resume("default", id, decision),
    (answer) => answer === "resumed",
  )
  await until(() => rig.mirror(id), hasStatus("success"))
}

async function cancel(id: string): Promise<void> {
  await park(id)
  await decide(id, `${id}-cancel`, { action: "cancel" })
  await until(() => rig.mirror(id), hasStatus("cancelled"))
}

async function pause(id: string): Promise<void> {
  await park(id)
  await decide(id, `${id}-pause`, { action: "pause" })
  await until(
    () => rig.mirror(id),
    ({ transaction }) => transaction.row.paused,
  )
}

/** Each run keeps the outputs that are still read, so only the mirror has the others. */
async function continueAsNew(id: string): Promise<void> {
  await rig.accept(id, { flowId: "long", start: false })
  const start = await findStart(rig.pool, { tenant: "default", instance_id: id })
  if (!start) throw new Error(`${id} is not stored`)
  const [input, ...more] = toStartArguments(start, await createPlanCache(rig.pool).get(start))
  // `toStartArguments` made it.
  const sent = { ...(input as StartInput), thresholds: { ...DEFAULT_THRESHOLDS, quiet_events: 10 } }
  await rig.client.workflow.start("long", {
    ...toStartOptions(start, { searchAttributes: false }),
    args: [sent, ...more],
  })
  const { transaction } = await until(() => rig.mirror(id), hasStatus("success"))
  expect(transaction.chain).toBeGreaterThan(0)
}

/**
 * To before its first call, which is refused then, twice: the record of the abandoned run stays, as superseded, and
 * the first one of the new run, which the workflow forgets, is of the new run.
 */
async function resetFromStart(id: string): Promise<void> {
  await park(id, "careful")
  const handle = workflowOf(id)
  const { runId } = await handle.describe()
  const { events } = await handle.fetchHistory()
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes)
  if (!first?.eventId) throw new Error("no workflow task was completed")
  rig.behaviours.set("a", "refuse")
  const reset = await rig.client.workflowService.resetWorkflowExecution({
    namespace: rig.namespace,
    workflowExecution: { workflowId: `default/${id}`, runId },
    workflowTaskFinishEventId: first.eventId,
    reason: "test",
    requestId: `reset-${id}`,
  })
  await until(
    () => rig.mirror(id),
    ({ transaction }) => transaction.run_id === reset.runId && transaction.row.status === "blocked",
  )
  await decide(id, `${id}-retry`, { action: "retry_with_input", task: "a", input: { amount: 6 } })
  await until(
    () => rig.mirror(id),
    ({ exceptions }) => exceptions.some(({ task, generation }) => task === "a" && generation === 2),
  )
  rig.behaviours.delete("a")
}

async function terminate(id: string): Promise<void> {
  await park(id)
  await workflowOf(id).terminate("by mistake")
  await rig.sweepUntil(id, ({ transaction }) => transaction.is_confirmed)
}

/** All columns of a table but these, by transaction. */
async function dump(
  pool: Pool,
  table: string,
  without: string[],
  order: string,
): Promise<Record<string, unknown>[]> {
  const { rows } = await pool.query<{ row: Record<string, unknown> }>(
    `select to_jsonb(t) - $1::text[] as row from ${table} t order by ${order}`,
    [without],
  )
  // Nobody decided that a record is superseded: Postgres dates it when it comes to know.
  return rows.map(({ row }) => (row["state"] === "superseded" ? { ...row, resolved_at: "some time" } : row))
}

/**
 * What a rebuild brings back. Not: when a row was written; ids that Postgres gives; where rows stand in the order,
 * since a rebuilt row is as new as the history it was made of.
 */
const WRITTEN = ["updated_at", "seq"]
const dumpEngine = async () => ({
  txn: await dump(
    rig.pool,
    "txn",
    [
      ...WRITTEN,
      "complete_seq",
      "complete_chain",
      "complete_resets",
      "checked_at",
      "confirmed_at",
      "dispatched_at",
    ],
    "instance_id",
  ),
  txn_task: await dump(rig.pool, "txn_task", WRITTEN, "instance_id, path"),
  exception: await dump(
    rig.pool,
    "exception",
    [...WRITTEN, "id"],
    "instance_id, path, operation, generation",
  ),
  decision: await dump(rig.pool, "decision", ["recorded_at"], "instance_id, decision_id"),
})

const expectNoDifference = async () =>
  expect(await checkMirror({ pool: rig.pool, client: rig.client })).toMatchObject({ differences: [] })

describe("rebuildMirror()", () => {
  test("changes nothing where nothing differs", async () => {
    const before = await dumpEngine()
    expect(await rebuild()).toEqual({ rebuilt: 0, unchanged: 9, expired: 0, failed: [] })
    expect(await dumpEngine()).toEqual(before)
  })

  test("brings back every engine column, whatever end a transaction came to", async () => {
    const before = await dumpEngine()
    await rig.pool.query("truncate txn_task, exception, exception_comment, decision, txn_reset")
    await rig.pool.query(
      `update txn set status = 'pending', version = 0, overridden = false, paused = false, overdue = false,
         open_exceptions = 0, ignored_messages = 0, output = null, error = null, started_at = null, ended_at = null,
         run_id = null, resets = 0, chain = 0, seq = 0, complete_resets = 0, complete_chain = 0, complete_seq = 0,
         confirmed_at = null, checked_at = null`,
    )
    expect(await rebuild()).toEqual({ rebuilt: 9, unchanged: 0, expired: 0, failed: [] })
    expect(await dumpEngine()).toEqual(before)
    await expectNoDifference()
  })

  test("makes rows that are gone from what the history holds, without a worker", async () => {
    const before = await dumpEngine()
    await rig.stopWorker()
    await rig.pool.query("truncate txn, txn_task, exception, exception_comment, decision, txn_reset")
    expect(await rebuild()).toEqual({ rebuilt: 9, unchanged: 0, expired: 0, failed: [] })
    const after = await dumpEngine()
    // What the API alone knew.
    const lost = { actor: "temporal", request_hash: "unknown", created_at: expect.any(String) }
    expect(after).toEqual({ ...before, txn: before.txn.map((row) => ({ ...row, ...lost })) })
    expect(await rebuild()).toMatchObject({ rebuilt: 0, unchanged: 9 })
    await rig.startWorker()
    await expectNoDifference()
  })

  test("of one transaction puts right what was altered, and leaves alone what people and the API said", async () => {
    const { rows: grouped } = await rig.pool.query<Record<string, unknown>>(
      "select message_shape, group_hash from exception where instance_id = 'parked'",
    )
    await rig.pool.query(
      `update exception set state = 'resolved', code = 'X', message_shape = 'Y', group_hash = 'Z', handled = true,
         handled_by = 'bob', handled_remark = 'called them', acknowledged_by = 'ann', acknowledged_at = now(),
         owner = 'bob', team = 'payments', snoozed_until = now() + interval '1 hour'
       where instance_id = 'parked'`,
    )
    await rig.pool.query(
      `insert into exception_comment (tenant_id, exception_id, actor, text)
       select tenant_id, id, 'ann', 'they call back' from exception where instance_id = 'parked'`,
    )
    await rig.pool.query(
      "update txn set status = 'success', actor = 'carol' where instance_id in ('parked', 'paused')",
    )
    const read = () =>
      rig.pool.query<{ id: number; state: string }>(
        `select e.id, e.state, e.code, e.handled, e.handled_by, e.handled_remark, e.acknowledged_by, e.acknowledged_at,
           e.owner, e.team, e.snoozed_until, e.message_shape, e.group_hash, c.text, t.actor, t.status
         from exception e join txn t using (tenant_id, instance_id) join exception_comment c on c.exception_id = e.id
         where instance_id = 'parked'`,
      )
    const { rows: altered } = await read()
    expect(await rebuild("parked")).toEqual({ rebuilt: 1, unchanged: 0, expired: 0, failed: [] })
    const { rows } = await read()
    expect(rows).toEqual([
      { ...altered[0], ...grouped[0], state: "open", code: "HTTP_422", status: "blocked" },
    ])
    expect(rows[0]).toMatchObject({ owner: "bob", team: "payments", text: "they call back" })
    expect((await rig.mirror("paused")).transaction.row.status).toBe("success")
    expect(await rebuild()).toMatchObject({ rebuilt: 1, unchanged: 8 })
    await expectNoDifference()
  })

  test("tells what Temporal has forgotten, and what nobody knows, apart from what cannot be rebuilt", async () => {
    await rig.accept("forgotten", { start: false })
    await rig.accept("lost", { start: false })
    await rig.accept("waiting", { start: false })
    await rig.pool.query(
      "update txn set dispatched_at = now(), status = 'success' where instance_id = 'forgotten'",
    )
    await rig.pool.query("update txn set dispatched_at = now() where instance_id = 'lost'")
    const reason = "Temporal does not know its workflow, and it has not ended"
    expect(await rebuild()).toEqual({
      rebuilt: 0,
      unchanged: 10,
      expired: 1,
      failed: [{ tenant: "default", transaction_id: "lost", reason }],
    })
    expect(await rebuild("nowhere")).toEqual({ rebuilt: 0, unchanged: 0, expired: 0, failed: [] })
    await rig.pool.query("delete from txn where instance_id in ('forgotten', 'lost', 'waiting')")
  })

  test("goes on where this build cannot replay a history", async () => {
    await rig.accept("foreign", { start: false })
    await rig.client.workflow.start("foreign", { workflowId: "default/foreign", taskQueue: "elsewhere" })
    const worker = await Worker.create({
      connection: rig.connection,
      namespace: rig.namespace,
      taskQueue: "elsewhere",
      workflowsPath: fileURLToPath(new URL("workflows/foreign.ts", import.meta.url)),
    })
    await worker.runUntil(rig.waitForStatus("foreign", "COMPLETED"))
    await rig.pool.query("update txn set dispatched_at = now() where instance_id = 'foreign'")
    const { failed, ...others } = await rebuild()
    expect(others).toEqual({ rebuilt: 0, unchanged: 9, expired: 0 })
    expect(failed).toEqual([
      expect.objectContaining({
        transaction_id: "foreign",
        reason: expect.stringMatching(/^this build cannot/),
      }),
    ])
  })

  test("takes nothing from the run of another request, which had the id before a purge", async () => {
    await park("reused")
    const complete = { action: "complete", task: "b", output: { done: "by hand" }, attest: "executed" }
    await decide("reused", "of-the-old-one", complete)
    await until(() => rig.mirror("reused"), hasStatus("success"))
    for (const table of ["txn_task", "exception", "decision", "txn"])
      await rig.pool.query(`delete from ${table} where instance_id = 'reused'`)
    await rig.accept("reused", { flowId: "brittle", start: false })
    await rig.pool.query("update txn set params = '{}', request_hash = 'other' where instance_id = 'reused'")
    await failStoredAndResume("reused")
    await until(
      () =>
        rig.client.workflowService.countWorkflowExecutions({
          namespace: rig.namespace,
          query: 'WorkflowId = "default/reused"',
        }),
      ({ count }) => Number(count) === 3,
    )
    expect(await rebuild("reused")).toEqual({ rebuilt: 0, unchanged: 1, expired: 0, failed: [] })
    const { rows } = await rig.pool.query("select decision_id from decision where instance_id = 'reused'")
    expect(rows).toEqual([{ decision_id: "reused-1" }])
  })
})
