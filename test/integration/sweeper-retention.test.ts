import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { LOCK_CLASS_RESUME } from "../../src/store/advisory-locks.ts"
import type { StoredMirror } from "../../src/store/mirror/read-mirror.ts"
import { startSweepRig, type SweepRig } from "../helpers/sweep-rig.ts"
import { until } from "../helpers/until.ts"

const DAY_MS = 86_400_000

let rig: SweepRig
/** Every table that knows transactions, also those that are made later; the audit trail stays, and bulk jobs go as a whole. */
let tables: string[]

beforeAll(async () => {
  rig = await startSweepRig()
  const { rows } = await rig.pool.query<{ name: string }>(
    `select c.relname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
     where a.attname = 'instance_id' and c.relkind in ('r', 'p') and not c.relispartition
       and c.relnamespace = 'public'::regnamespace and c.relname not in ('audit', 'bulk_item')
     order by 1`,
  )
  tables = rows.map(({ name }) => name)
  await rig.publish("order")
  await rig.publish("brittle", { onError: "fail" })
  await rig.startWorker()
})
afterAll(() => rig.stop())

const isConfirmed = ({ transaction }: StoredMirror) => transaction.is_confirmed
const purge = async () => (await rig.openSweeper({ retentionMs: 30 * DAY_MS }).sweepOnce()).purged
const endedDaysAgo = (id: string, days: number) =>
  rig.pool.query("update txn set ended_at = now() - $2 * interval '1 day' where instance_id = $1", [id, days])

/** An end that Temporal's close status was seen of. */
async function end(id: string, daysAgo: number): Promise<void> {
  await rig.accept(id)
  await rig.waitForStatus(id, "COMPLETED")
  await rig.sweepUntil(id, isConfirmed)
  await endedDaysAgo(id, daysAgo)
}

async function tablesWith(id: string): Promise<string[]> {
  const found: string[] = []
  for (const table of tables) {
    const { rowCount } = await rig.pool.query(`select from ${table} where instance_id = $1`, [id])
    if ((rowCount ?? 0) > 0) found.push(table)
  }
  return found
}

describe("retention", () => {
  test("deletes bulk jobs that ended long ago, or were never started", async () => {
    const insert = (id: string, state: string, days: number | null) =>
      rig.pool.query(
        `with job as (
           insert into bulk_job (
             tenant_id, id, action, reason, filter, actor, roles, velocity, canary, stop_above, settle_ms, state, ended_at,
             created_at
           )
           values ('default', $1, 'retry', 'r', '{}', 'ann', '{}', 1, 0, 0.2, 1, $2, now() - $3 * interval '1 day',
                   now() - interval '31 days')
           returning tenant_id, id
         )
         insert into bulk_item (tenant_id, job_id, seq, instance_id, path, operation, state)
         select tenant_id, id, 1, 'one', '', 'do', 'pending' from job`,
        [id, state, days],
      )
    await insert("old", "completed", 31)
    await insert("young", "completed", 29)
    await insert("open", "stopped", null)
    await insert("forgotten", "preview", null)
    await purge()
    const { rows } = await rig.pool.query("select job_id from bulk_item order by 1")
    expect(rows).toEqual([{ job_id: "open" }, { job_id: "young" }])
    expect((await rig.pool.query("select id from bulk_job")).rows).toHaveLength(2)
  })

  test("deletes an old end with all that belongs to it, and neither a young one nor an open one", async () => {
    await end("old", 31)
    await end("young", 29)
    rig.behaviours.set("b", "refuse")
    await rig.accept("open")
    await until(
      () => rig.mirror("open"),
      ({ transaction }) => transaction.row.status === "blocked",
    )
    rig.behaviours.delete("b")
    await rig.pool.query("update txn set created_at = created_at - interval '90 days'")
    const belonging = [
      `insert into txn_attempt (tenant_id, instance_id, path, generation, operation, attempt, class, outcome, started_at, ended_at)
       values ('default', $1, 'a', 1, 'do', 1, 'done', 'executed', now() - interval '31 days', now())`,
      `insert into exception (tenant_id, instance_id, path, operation, generation, kind, severity, state, code, message,
         outcome, occurrence, retry_safe, retry_safe_reason, suggested_actions, occurred_at, resets, chain, seq)
       values ('default', $1, 'a', 'do', 1, 'rejected', 'warn', 'resolved', 'X', '', 'rejected', 1, true, '', '{}', now(), 0, 0, 1)`,
      `insert into decision (tenant_id, instance_id, decision_id, action, actor, before, after, decided_at)
       values ('default', $1, 'd', 'retry', 'ann', '{}', '{}', now())`,
      "insert into txn_reset values ('default', $1, 'run', 1)",
      "insert into blob (tenant_id, instance_id, sha256, bytes, content) values ('default', $1, 'x', 2, '{}')",
    ]
    for (const statement of belonging)
      for (const id of ["old", "young"]) await rig.pool.query(statement, [id])
    expect(await tablesWith("old")).toEqual(tables)
    expect(await purge()).toBe(1)
    expect(await tablesWith("old")).toEqual([])
    expect(await tablesWith("young")).toEqual(tables)
    expect(await tablesWith("open")).toContain("txn")
  })

  test("keeps one that goes on in Temporal, although its end was confirmed", async () => {
    await end("reset", 31)
    rig.mirrors = false
    rig.behaviours.set("a", "refuse")
    const handle = rig.client.workflow.getHandle("default/reset")
    const { runId } = await handle.describe()
    const { events } = await handle.fetchHistory()
    const first = events?.find((event) => event.workflowTaskCompletedEventAttributes)
    if (!first?.eventId) throw new Error("no workflow task was completed")
    await rig.client.workflowService.resetWorkflowExecution({
      namespace: rig.namespace,
      workflowExecution: { workflowId: "default/reset", runId },
      workflowTaskFinishEventId: first.eventId,
      reason: "test",
      requestId: "reset",
    })
    // Every scan saw this run already, as after a long pause of all sweepers.
    await rig.pool.query(
      "insert into sweep_watermark values ('started', now() + interval '1 day') on conflict (scan) do update set seen_until = excluded.seen_until",
    )
    expect(await purge()).toBe(0)
    const { transaction } = await rig.mirror("reset")
    expect(transaction).toMatchObject({ resets: 1, is_confirmed: false })
    rig.mirrors = true
    rig.behaviours.clear()
  })

  test("keeps one that is being resumed at this moment", async () => {
    await end("busy", 31)
    const resuming = await rig.pool.connect()
    await resuming.query("begin")
    await resuming.query("select pg_advisory_xact_lock($1, hashtext('default/busy'))", [LOCK_CLASS_RESUME])
    expect(await purge()).toBe(0)
    await resuming.query("commit")
    resuming.release()
    expect(await purge()).toBe(1)
  })

  test("deletes what Temporal has forgotten too, batch after batch, but no end that was not confirmed, and nothing when it is off", async () => {
    await rig.pool.query(
      `insert into txn (tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params,
                        request_hash, actor, status, dispatched_at, confirmed_at, ended_at)
       select 'default', 'gone-' || n, 'default/gone-' || n, 'order', 'order', 1, 'h', '{}', 'r', 'ann', 'success',
              now(), case when n > 0 then now() end, now() - interval '31 days'
       from generate_series(0, 120) as n`,
    )
    expect((await rig.sweeper.sweepOnce()).purged).toBe(0)
    expect(await purge()).toBe(120)
    expect(await tablesWith("gone-1")).toEqual([])
    expect(await tablesWith("gone-0")).toEqual(["txn"])
  })
})
