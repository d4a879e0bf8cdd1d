/** Decisions of real transactions, however they come, beside the histories that Temporal has of them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { verifyChains } from "../../src/store/audit/verify-chains.ts"
import type { StoredMirror } from "../../src/store/mirror/read-mirror.ts"
import { askRun } from "../../src/store/temporal/ask-run.ts"
import { type AuditCheck, checkAudit } from "../../src/worker/audit-check.ts"
import { rebuildMirror } from "../../src/worker/mirror-rebuild.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { isRefusal } from "../helpers/refusal.ts"
import { startSweepRig, type SweepRig } from "../helpers/sweep-rig.ts"
import { tamper } from "../helpers/tamper.ts"
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
  rig.behaviours.clear()
  rig.mirrors = true
})

const workflowOf = (id: string) => rig.client.workflow.getHandle(`default/${id}`)
const hasStatus = (status: string) => (mirror: StoredMirror) => mirror.transaction.row.status === status
const check = (): Promise<AuditCheck> => checkAudit({ pool: rig.pool, client: rig.client })

async function park(id: string): Promise<void> {
  rig.behaviours.set("b", "refuse")
  await rig.accept(id)
  await until(() => rig.mirror(id), hasStatus("blocked"))
}

const decide = (id: string, updateId: string, decision: object) =>
  workflowOf(id).executeUpdate("decide", {
    args: [{ id: updateId, actor: "ann", roles: ["operator"], reason: "seen", ...decision }],
    updateId,
  })

interface Row {
  action: string
  actor: string
  roles: string[]
  subject: string | null
  update_id: string
}

async function rowsOf(id: string): Promise<Row[]> {
  const { rows } = await rig.pool.query<Row>(
    "select action, actor, roles, subject, update_id from audit where instance_id = $1 order by seq",
    [id],
  )
  return rows
}

const untilRows = (id: string, count: number) =>
  until(
    () => rowsOf(id),
    (rows) => rows.length === count,
  )

describe("a decision", () => {
  test("by update, by signal, and that resumes a failed run has one row", async () => {
    await park("many")
    await decide("many", "many-pause", { action: "pause" })
    await workflowOf("many").signal("resume", { reason: "by hand" })
    await untilRows("many", 2)
    // Nobody decides these: they change nothing.
    await workflowOf("many").signal("skip", { task: "nothing" })
    await expect(decide("many", "many-odd", { action: "complete", task: "a" })).rejects.toSatisfy(
      isRefusal("not_parked"),
    )
    rig.behaviours.clear()
    await decide("many", "many-retry", { action: "retry", task: "b" })
    await until(() => rig.mirror("many"), hasStatus("success"))
    expect(await rowsOf("many")).toEqual([
      { action: "pause", actor: "ann", roles: ["operator"], subject: null, update_id: "many-pause" },
      {
        action: "resume",
        actor: "temporal",
        roles: [],
        subject: null,
        update_id: expect.stringMatching(/^signal:/),
      },
      { action: "retry", actor: "ann", roles: ["operator"], subject: "b", update_id: "many-retry" },
    ])

    rig.behaviours.set("b", "refuse")
    await rig.accept("failed", { flowId: "brittle" })
    await rig.waitForStatus("failed", "FAILED")
    rig.behaviours.clear()
    const decision = {
      id: "failed-1",
      action: "retry",
      actor: "bob",
      roles: ["editor"],
      reason: "mended",
    } as const
    await until(
      () => rig.dispatcher.resume("default", "failed", { ...decision, attest: "not_executed" }),
      (answer) => answer === "resumed",
    )
    await until(() => rig.mirror("failed"), hasStatus("success"))
    expect(await rowsOf("failed")).toEqual([
      { action: "retry", actor: "bob", roles: ["editor"], subject: null, update_id: "failed-1" },
    ])
    expect(await check()).toMatchObject({ differences: [], failed: [] })
  })

  test("of nobody has none", async () => {
    await rig.accept("alone")
    await until(() => rig.mirror("alone"), hasStatus("success"))
    expect(await rowsOf("alone")).toEqual([])
  })

  test("whose rows were lost gets one from the workflow's own record, once", async () => {
    await park("lost")
    rig.mirrors = false
    await decide("lost", "lost-pause", { action: "pause" })
    await workflowOf("lost").signal("resume", { reason: "by hand" })
    await until(
      () => askRun(() => workflowOf("lost").query<{ decisions: unknown[] }>("state")),
      ({ decisions }) => decisions.length === 2,
    )
    expect(await rowsOf("lost")).toEqual([])
    const during = await check()
    expect(during.differences).toMatchObject([
      { transaction_id: "lost", decision_id: "lost-pause", kind: "not_in_audit", temporal: { actor: "ann" } },
      { transaction_id: "lost", kind: "not_in_audit", temporal: { actor: "temporal" } },
    ])
    // As after a crash: the writer's lock is gone, so the sweeper looks.
    await rig.pool.query("insert into mirror_writer (application) values ('vanished')")
    await rig.sweepUntil("lost", ({ transaction }) => transaction.row.version >= 3)
    expect((await untilRows("lost", 2)).map(({ action }) => action)).toEqual(["pause", "resume"])
    rig.mirrors = true
    rig.behaviours.clear()
    await decide("lost", "lost-retry", { action: "retry" })
    await until(() => rig.mirror("lost"), hasStatus("success"))
    await rig.sweeper.sweepOnce()
    expect((await rowsOf("lost")).map(({ action }) => action)).toEqual(["pause", "resume", "retry"])
  })

  test("that a reset repeats, or a rebuild tells again, has still one", async () => {
    await park("reset")
    await workflowOf("reset").signal("pause", { reason: "by hand" })
    await decide("reset", "reset-resume", { action: "resume" })
    await untilRows("reset", 2)
    const { runId } = await workflowOf("reset").describe()
    const { events } = await workflowOf("reset").fetchHistory()
    const first = events?.find((event) => event.workflowTaskCompletedEventAttributes)
    if (!first?.eventId) throw new Error("no workflow task was completed")
    const reset = await rig.client.workflowService.resetWorkflowExecution({
      namespace: rig.namespace,
      workflowExecution: { workflowId: "default/reset", runId },
      workflowTaskFinishEventId: first.eventId,
      reason: "test",
      requestId: "reset-1",
    })
    await until(
      () => rig.mirror("reset"),
      ({ transaction }) => transaction.run_id === reset.runId && transaction.row.status === "blocked",
    )
    await decide("reset", "reset-late", { action: "pause" })
    await untilRows("reset", 3)
    expect(await check()).toMatchObject({ differences: [], failed: [] })
    await rig.pool.query("delete from decision where instance_id = 'reset'")
    const transaction = { tenant: "default", transaction_id: "reset" }
    const rebuilt = await rebuildMirror({
      pool: rig.pool,
      client: rig.client,
      logger: createListeningLogger(),
      transaction,
    })
    expect(rebuilt).toMatchObject({ rebuilt: 1, failed: [] })
    expect(await rowsOf("reset")).toHaveLength(3)
  })
})

describe("checkAudit()", () => {
  test("finds decisions that only one side has, or has otherwise", async () => {
    await park("forged")
    for (const id of ["f-1", "f-2"]) {
      await decide("forged", `${id}-pause`, { action: "pause" })
      await decide("forged", `${id}-resume`, { action: "resume" })
    }
    await untilRows("forged", 4)
    expect(await check()).toMatchObject({ differences: [], failed: [] })
    const REHASH = "update audit set hash = encode(sha256(audit_record(audit)), 'hex')"
    await tamper(
      rig.pool,
      "delete from audit where update_id = 'f-1-pause'",
      "update audit set actor = 'eve' where update_id = 'f-2-pause'",
      `${REHASH} where update_id = 'f-2-pause'`,
    )
    await rig.pool.query(
      `insert into audit (tenant_id, at, actor, roles, action, instance_id, update_id)
       values ('default', now(), 'eve', '{}', 'skip', 'forged', 'never-taken')`,
    )
    const { checked, differences } = await check()
    expect(checked).toBeGreaterThan(0)
    expect(differences).toMatchObject([
      { decision_id: "f-1-pause", kind: "not_in_audit" },
      { decision_id: "f-2-pause", kind: "differs", audit: { actor: "eve" }, temporal: { actor: "ann" } },
      { decision_id: "never-taken", kind: "not_in_temporal", audit: { actor: "eve", action: "skip" } },
    ])
    expect(await verifyChains(rig.pool)).toMatchObject([{ broken: { kind: "missing" } }])
  })

  /** As whoever has Holdfast's own role can: the chain stays whole. */
  const slipIn = (id: string | null, updateId: string | null, at: string) =>
    rig.pool.query(
      `insert into audit (tenant_id, at, actor, roles, action, instance_id, update_id)
       values ('default', ${at}, 'eve', '{}', 'skip', $1, $2)`,
      [id, updateId],
    )
  const differencesOf = async (id: string) =>
    (await check()).differences.filter(({ transaction_id }) => transaction_id === id)

  test("finds what was slipped in under the id of a decision, under none, and under another time", async () => {
    await park("slipped")
    await decide("slipped", "s-pause", { action: "pause" })
    await untilRows("slipped", 1)
    await slipIn("slipped", "s-pause", "now()")
    await slipIn("slipped", null, "now()")
    await slipIn("slipped", "never-taken", "now() - interval '1 year'")
    await slipIn("slipped", "s-pause", "now() - interval '1 year'")
    const forged = { audit: { actor: "eve", action: "skip" } }
    expect(await differencesOf("slipped")).toMatchObject([
      { ...forged, decision_id: "s-pause", kind: "differs", temporal: { actor: "ann", action: "pause" } },
      { ...forged, decision_id: "", kind: "not_in_temporal" },
      { ...forged, decision_id: "never-taken", kind: "not_in_temporal" },
      { ...forged, decision_id: "s-pause", kind: "differs" },
    ])
  })

  test("says which decisions nothing can be compared with", async () => {
    // Written before there was any row from its own time, as that of an earlier transaction of the same id.
    await slipIn("again", "earlier", "now() - interval '1 year'")
    await slipIn("nowhere", "gone", "now()")
    await slipIn(null, "nothing", "now()")
    await rig.accept("again")
    await until(() => rig.mirror("again"), hasStatus("success"))
    const { unchecked, differences } = await check()
    expect(
      unchecked.filter(({ transaction_id }) => ["again", "nowhere", ""].includes(transaction_id)),
    ).toEqual([
      { tenant: "default", transaction_id: "again", rows: 1, reason: expect.stringContaining("older") },
      { tenant: "default", transaction_id: "", rows: 1, reason: expect.stringContaining("neither stored") },
      { tenant: "default", transaction_id: "nowhere", rows: 1, reason: expect.stringContaining("retention") },
    ])
    expect(differences.map(({ transaction_id }) => transaction_id)).not.toContain("again")
  })

  test("looks also at transactions whose rows were taken away", async () => {
    await park("taken")
    await decide("taken", "taken-pause", { action: "pause" })
    await untilRows("taken", 1)
    await rig.pool.query("delete from txn where instance_id = 'taken'")
    await tamper(rig.pool, "delete from audit where instance_id = 'taken'")
    const { differences } = await check()
    expect(differences).toContainEqual(
      expect.objectContaining({ transaction_id: "taken", decision_id: "taken-pause", kind: "not_in_audit" }),
    )
  })
})
