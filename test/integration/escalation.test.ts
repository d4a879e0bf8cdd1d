/** Escalation, SLA and early warning on real servers (design 4.5, scenarios 51 and 55). */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { ExceptionRow } from "../../src/contract/rows.ts"
import { createPool } from "../../src/store/pool.ts"
import { createTestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { chain, task } from "../helpers/ledger-task.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { countEvents, startWorkflowRig, type WorkflowRig } from "../helpers/workflow-rig.ts"

let ledger: EffectLedger
beforeAll(async () => {
  ledger = await startEffectLedger()
})
afterAll(() => ledger.stop())

const connections = () => [
  { name: "ledger", kind: "http" as const, base_url: ledger.url, profile: "plain" as const },
]
const rowOf = ({ changes }: WorkflowRig, instanceId: string, named: string) =>
  changes
    .filter(({ transaction_id }) => transaction_id === instanceId)
    .flatMap(({ exceptions }) => exceptions.filter((row) => row.task === named))

describe("a run", () => {
  test(
    "55: three steps in order, over a continue-as-new and a worker's restart; the abort is legal",
    { timeout: 120_000 },
    async () => {
      const first = await startWorkflowRig({ connections: connections() })
      // Far enough apart for a worker to stop and another to start in between.
      const steps = [
        { after: "1500ms", notify: "team" },
        { after: "8s", notify: "lead" },
        { after: "20s", action: "abort" },
      ]
      await ledger.misbehave("pay", ["refuse"])
      const run = await first.start(
        {
          name: "escalating",
          team: "payments",
          policy: { escalate: steps },
          // It goes on beside what waits, so that the clock is taken over by the next run.
          tasks: [task({ id: "pay" }), ...chain(5)],
        },
        {},
        { thresholds: { quiet_events: 20 } },
      )
      const told = (rig: WorkflowRig) => rowOf(rig, run.instanceId, "pay")
      const { exceptions } = await run.reaches(
        (view) => view.chain > 0 && view.exceptions[0]?.escalation_level === 1,
      )
      const opened = first.changes.find(({ exceptions: rows }) => rows.some(({ task: of }) => of === "pay"))
      expect(opened?.chain).toBe(0)
      const escalatesAt = exceptions[0]?.escalates_at ?? Number.NaN
      expect(exceptions).toMatchObject([{ escalated_to: "team", team: "payments", state: "open" }])
      await first.stop()
      expect(Date.now()).toBeLessThan(escalatesAt)

      const second = await startWorkflowRig({ connections: connections(), temporal: first.temporal })
      const again = second.runOf(second.client.workflow.getHandle(run.handle.workflowId), run.instanceId)
      await again.reaches(({ transaction }) => transaction.status === "failed")
      expect(Date.now()).toBeGreaterThanOrEqual(escalatesAt + 12_000)
      const levels = [...told(first), ...told(second)].map(({ escalation_level, escalated_to }) => [
        escalation_level,
        escalated_to,
      ])
      const distinct = levels.filter((level, at) => String(level) !== String(levels[at - 1]))
      expect(distinct).toEqual([
        [undefined, undefined],
        [1, "team"],
        [2, "lead"],
        [3, "lead"],
      ])
      expect((await again.view()).decisions).toMatchObject([{ action: "abort", actor: "escalation" }])
      expect((await again.view()).exceptions).toMatchObject([{ state: "superseded", escalation_level: 3 }])
      await second.stop()
    },
  )

  test("55: past the pivot nothing is aborted, and the record says so", async () => {
    const rig = await startWorkflowRig({ connections: connections() })
    await ledger.misbehave("mail", ["refuse"])
    const run = await rig.start({
      name: "pivoted",
      policy: { escalate: [{ after: "300ms", action: "abort" }] },
      tasks: [
        task({ id: "order", compensate: undo("order") }),
        task({ id: "pay", depends_on: ["order"], pivot: true }),
        task({ id: "mail", depends_on: ["pay"], must_succeed: true }),
      ],
    })
    const view = await run.reaches(({ exceptions }) => exceptions[0]?.escalation_level === 1)
    expect(view).toMatchObject({ transaction: { status: "blocked" }, decisions: [] })
    expect(view.exceptions).toMatchObject([{ state: "open", escalation_refused: "abort: pivot_passed" }])
    await run.decide({ action: "retry", task: "mail" })
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    await rig.stop()
  })

  test("without a worker's cache the last step, which gives no command, is replayed in its place", async () => {
    const rig = await startWorkflowRig({ connections: connections(), maxCachedWorkflows: 0 })
    await ledger.misbehave("pay", ["refuse"])
    const run = await rig.start({
      name: "replayed",
      policy: { escalate: [{ after: "300ms", action: "pause" }] },
      tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"] })],
    })
    await until(
      () => Promise.resolve(rowOf(rig, run.instanceId, "pay")),
      (rows) => rows.some(({ escalation_level }) => escalation_level === 1),
    )
    await run.handle.signal("skip", { task: "pay", reason: "test" })
    await run.handle.signal("resume", { reason: "test" })
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    expect((await run.view()).decisions.map(({ action, actor }) => [action, actor])).toEqual([
      ["pause", "escalation"],
      ["skip", "temporal"],
      ["resume", "temporal"],
    ])
    await rig.stop()
  })

  test("a call that fails three times warns once, and what went well says nothing in the history", async () => {
    const rig = await startWorkflowRig({ connections: connections() })
    await ledger.misbehave("slow", ["unavailable", "unavailable", "unavailable", "unavailable", "slow:1500"])
    const retry = { strategy: "auto", max_attempts: 10, interval: "100ms", backoff: 1 }
    const run = await rig.start({
      name: "warning",
      policy: { early_warning: {} },
      tasks: [task({ id: "slow", retry }), task({ id: "quick" })],
    })
    const warned = await run.reaches(({ exceptions }) => exceptions.length > 0)
    expect(warned.transaction).toMatchObject({ status: "running", version: 0, open_exceptions: 0 })
    expect(warned.exceptions).toMatchObject([
      {
        task: "slow",
        kind: "early_warning",
        severity: "warn",
        state: "open",
        code: "HTTP_503",
        message: expect.stringContaining("attempt 3 failed"),
      },
    ])
    await run.handle.result()
    expect((await run.view()).exceptions).toMatchObject([{ kind: "early_warning", state: "auto_resolved" }])
    const counts = countEvents(await run.history())
    expect(counts).toMatchObject({ workflowExecutionSignaledEventAttributes: 1 })
    expect(Object.keys(counts).filter((type) => type.startsWith("timer"))).toEqual([])
    await rig.stop()
  })

  test("a call that takes long warns while its attempt is under way", async () => {
    const rig = await startWorkflowRig({ connections: connections() })
    await ledger.misbehave("long", ["slow:2500"])
    const run = await rig.start({
      name: "long",
      tasks: [task({ id: "long", early_warning: { after: "500ms" } })],
    })
    const { exceptions } = await run.reaches(({ exceptions: rows }) => rows.length > 0)
    expect(exceptions).toMatchObject([{ kind: "early_warning", code: "slow_call", state: "open" }])
    await run.handle.result()
    expect((await run.view()).exceptions).toMatchObject([{ state: "auto_resolved" }])
    await rig.stop()
  })
})

const undo = (id: string) => ({
  task_name: "http",
  config: { connection: "ledger", url: `/undo/${id}`, method: "POST" },
})

describe("holdfast start", () => {
  let node: HoldfastNode
  let query: (sql: string) => Promise<Record<string, unknown>[]>
  let close: () => Promise<void>
  beforeAll(async () => {
    const database = await createTestDatabase()
    const { address, namespace } = await testTemporal()
    const pool = createPool({ url: database.url, max: 2 })
    query = async (sql) => (await pool.query<Record<string, unknown>>(sql)).rows
    node = await createNode({
      databaseUrl: database.url,
      temporalAddress: address,
      namespace,
      connections: connections(),
    })
    await node.start()
    close = async () => {
      await node.stop()
      await pool.end()
    }
  })
  afterAll(() => close())

  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${node.url}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    // The shape is the route's; the assertions look into it.
    // oxlint-disable-next-line typescript/no-explicit-any
    const answer: any = await response.json()
    expect(response.status, JSON.stringify(answer)).toBeLessThan(300)
    return answer.data
  }
  const list = async (search: string): Promise<(ExceptionRow & Record<string, unknown>)[]> =>
    (await call("GET", `/exceptions?${search}`)).list

  test("51: spent retries are an exception within 2 s, grouped, with whose it is and who hears of it", async () => {
    const definition = {
      name: "order",
      team: "payments",
      policy: {
        escalate: [
          { after: "1s", notify: "payments-oncall" },
          { after: "1h", notify: "lead" },
        ],
        sla: "2s",
      },
      tasks: [task({ id: "pay", retry: { strategy: "auto", max_attempts: 2, interval: "50ms" } })],
    }
    await call("POST", "/flows", { definition })
    const begin = (instance_id: string) =>
      call("POST", "/transactions", { instance_id, flow_id: "order", params: {} })
    await ledger.misbehave(
      "pay",
      Array.from({ length: 402 }, () => "unavailable" as const),
    )
    await begin("first")
    const [one] = await until(
      () => list("instance_id=first"),
      (rows) => rows.length > 0,
      { everyMs: 20 },
    )
    const shownAt = Date.now()
    const attempts = await until(
      async () => (await call("GET", "/transactions/first/tasks/pay/attempts")).list,
      ({ length }) => length === 2,
    )
    const failedAt = Math.max(...attempts.map(({ ended_at }: { ended_at: string }) => Date.parse(ended_at)))
    expect(shownAt - failedAt).toBeLessThan(2_000)
    expect(one).toMatchObject({
      kind: "unknown_outcome",
      state: "open",
      owner: null,
      team: "payments",
      escalation_level: 0,
      escalates_at: expect.any(String),
      sla_due_at: expect.any(String),
    })

    await Promise.all(Array.from({ length: 200 }, (_, at) => begin(`same-${at}`)))
    const [group, ...others] = await until(
      async () => (await call("GET", "/exceptions/groups?flow_id=order")).list,
      (groups) => groups[0]?.count === 201,
      { timeoutMs: 60_000 },
    )
    expect(others).toEqual([])
    expect(group).toMatchObject({ code: "HTTP_503", task: "pay", count: 201 })

    const [risen] = await until(
      () => list("instance_id=first"),
      ([row]) => row?.escalation_level === 1,
    )
    expect(risen).toMatchObject({ escalated_to: "payments-oncall", state: "open" })
    const events = await query(
      "select type, data from event where instance_id = 'first' and type like 'exception.%' order by id",
    )
    expect(events).toMatchObject([
      { type: "exception.opened", data: { escalation_level: 0 } },
      { type: "exception.escalated", data: { escalation_level: 1, escalated_to: "payments-oncall" } },
    ])
    await until(
      () => list("instance_id=first&overdue=true&team=payments"),
      (rows) => rows.length === 1,
    )
    expect(await list("instance_id=first&overdue=false")).toEqual([])
  })

  test("55: a step that acts is audited, after the process was killed meanwhile", async () => {
    const definition = {
      name: "doomed",
      policy: { escalate: [{ after: "4s", action: "abort" }] },
      tasks: [task({ id: "doomed" })],
    }
    await call("POST", "/flows", { definition })
    await ledger.misbehave("doomed", ["refuse"])
    await call("POST", "/transactions", { instance_id: "doomed", flow_id: "doomed", params: {} })
    await until(
      () => list("instance_id=doomed"),
      (rows) => rows.length === 1,
    )
    await node.kill()
    await node.start()
    await until(
      () => call("GET", "/transactions/doomed"),
      ({ status }) => status === "failed",
    )
    const audit = (await call("GET", "/audit?transaction=doomed&action=abort")).list
    expect(audit).toMatchObject([
      {
        action: "abort",
        actor: "escalation",
        reason: expect.stringContaining("Step 1 of the escalation of task doomed"),
      },
    ])
  })

  test("a warning is seen, and what people said of it does not hide what it warned of", async () => {
    const retry = { strategy: "auto", max_attempts: 3, interval: "1s", backoff: 1 }
    const definition = {
      name: "warns",
      tasks: [task({ id: "warns", retry, early_warning: { after_attempts: 1 } })],
    }
    await call("POST", "/flows", { definition })
    await ledger.misbehave("warns", ["unavailable", "unavailable", "unavailable"])
    await call("POST", "/transactions", { instance_id: "warns", flow_id: "warns", params: {} })
    const [warning] = await until(
      () => list("instance_id=warns&kind=early_warning"),
      (rows) => rows.length === 1,
    )
    expect(warning).toMatchObject({ severity: "warn", state: "open", suggested_actions: [] })
    await call("POST", `/exceptions/${warning?.["id"] as number}/acknowledge`)
    await call("POST", `/exceptions/${warning?.["id"] as number}/handle`, { remark: "seen" })
    const [real] = await until(
      () => list("instance_id=warns"),
      ([row]) => row?.kind !== "early_warning",
    )
    expect(real).toMatchObject({
      kind: "unknown_outcome",
      id: warning?.["id"],
      state: "open",
      handled: false,
      occurrence: 1,
    })
  })
})
