import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { WithStartWorkflowOperation, WorkflowFailedError, WorkflowNotFoundError } from "@temporalio/client"
import { temporal } from "@temporalio/proto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { UPDATES_AT_ONCE } from "../../src/api/decide.ts"
import { createTurns } from "../../src/api/turns.ts"
import type { View } from "../../src/contract/rows.ts"
import { isTemporalAway } from "../../src/store/temporal/errors.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { chain, isBlocked, statusesOf, task } from "../helpers/ledger-task.ts"
import { recordHistory } from "../helpers/record-history.ts"
import { isRefusal } from "../helpers/refusal.ts"
import { until } from "../helpers/until.ts"
import {
  compile,
  countEvents,
  type Run,
  startWorkflowRig,
  type WorkflowRig,
  workflowTaskFailures,
} from "../helpers/workflow-rig.ts"

let ledger: EffectLedger
beforeAll(async () => {
  ledger = await startEffectLedger()
})
afterAll(() => ledger.stop())

describe.each([
  { cache: "normal", maxCachedWorkflows: undefined },
  { cache: "none: every workflow task replays", maxCachedWorkflows: 0 },
])("workflow, cache $cache", ({ maxCachedWorkflows }) => {
  let rig: WorkflowRig
  beforeAll(async () => {
    rig = await startWorkflowRig({
      connections: [{ name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" }],
      ...(maxCachedWorkflows === undefined ? {} : { maxCachedWorkflows }),
    })
  })
  afterAll(() => rig.stop())

  test("runs a graph and answers the flow's output; the history reads like the flow", async () => {
    const run = await rig.start(
      {
        name: "order",
        output: "${ {'last': tasks.ship.output.id, 'for': params.order} }",
        tasks: [
          task({ id: "pay", description: "Charge the card" }),
          task({ id: "reserve" }),
          task({ id: "ship", depends_on: ["pay", "reserve"], input: { paid: "${ tasks.pay.output.name }" } }),
        ],
      },
      { order: "A-1" },
    )
    const result = await run.handle.result()
    expect(result).toMatchObject({
      status: "success",
      output: { for: "A-1", last: expect.stringMatching(/^effect-/) },
    })
    const history = await run.history()
    expect(history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name).toBe("order")
    const scheduled = (history.events ?? []).flatMap(
      (event) => event.activityTaskScheduledEventAttributes ?? [],
    )
    expect(scheduled.map(({ activityId, activityType }) => [activityId, activityType?.name])).toEqual([
      ["pay", "http"],
      ["reserve", "http"],
      ["ship", "http"],
    ])
    expect(
      history.events?.some((event) => String(event.userMetadata?.summary?.data).includes("Charge the card")),
    ).toBe(true)
    const deliveries = await ledger.deliveries(run.instanceId)
    expect(deliveries.map(({ name }) => name).toSorted()).toEqual(["pay", "reserve", "ship"])
    expect(deliveries.at(-1)?.name).toBe("ship")
    await recordHistory(run, "order")
  })

  test("retries are Temporal's own: no event more, the same key every time", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["unavailable", "reply_lost"], instanceId)
    const run = await rig.start({ tasks: [task({ id: "pay" })] }, {}, { instanceId })
    await run.handle.result()
    const deliveries = await ledger.deliveries(instanceId)
    expect(deliveries.map(({ effect }) => effect)).toEqual([false, true, false])
    expect(new Set(deliveries.map(({ key }) => key)).size).toBe(1)
    expect(countEvents(await run.history())).toMatchObject({
      activityTaskScheduledEventAttributes: 1,
      activityTaskCompletedEventAttributes: 1,
    })
    await recordHistory(run, "retried-natively")
  })

  test("a spent task parks, other branches go on, a person's retry finishes the transaction", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("ship", ["unavailable", "unavailable", "unavailable"], instanceId)
    const run = await rig.start(
      { tasks: [task({ id: "pay" }), task({ id: "ship" }), task({ id: "mail", depends_on: ["pay"] })] },
      {},
      { instanceId },
    )
    const view = await run.reaches(isBlocked)
    expect(statusesOf(view)).toEqual({ pay: "success", ship: "parked", mail: "success" })
    expect(view.exceptions).toMatchObject([{ task: "ship", code: "HTTP_503", state: "open" }])
    expect(await run.decide({ action: "retry", task: "ship" })).toMatchObject({
      status: "running",
      tasks: [{ path: "ship", status: "running" }],
    })
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    expect(
      (await ledger.deliveries(instanceId)).filter(({ name, effect }) => name === "ship" && effect),
    ).toHaveLength(1)
    await recordHistory(run, "parked-and-retried")
  })

  test("an unsafe call whose reply is lost is sent once, parks, and is repeated only after an attestation", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["reply_lost"], instanceId)
    const run = await rig.start({ tasks: [task({ id: "pay", effect: "unsafe" })] }, {}, { instanceId })
    const view = await run.reaches(isBlocked)
    expect(view.tasks[0]).toMatchObject({ status: "parked", outcome: "unknown" })
    await expect(run.decide({ action: "retry", task: "pay" })).rejects.toSatisfy(
      isRefusal("unknown_needs_attestation"),
    )
    expect(await ledger.deliveries(instanceId)).toHaveLength(1)
    await run.decide({
      action: "complete",
      task: "pay",
      attest: "executed",
      output: { id: "from the statement" },
    })
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    expect(await ledger.deliveries(instanceId)).toHaveLength(1)
    await recordHistory(run, "unsafe-unknown-completed")
  })

  test("an unsafe call that provably did not run is retried by itself", async () => {
    const instanceId = randomUUID()
    const run = await rig.start(
      {
        tasks: [
          {
            ...task({ id: "pay", effect: "unsafe" }),
            config: { url: "http://127.0.0.1:1/", method: "POST" },
          },
        ],
      },
      {},
      { instanceId },
    )
    const view = await run.reaches(isBlocked)
    expect(view.tasks[0]).toMatchObject({ status: "parked", outcome: "not_executed" })
    expect(
      rig.attempts
        .filter(({ transaction_id }) => transaction_id === instanceId)
        .map(({ attempt }) => attempt),
    ).toEqual([1, 2, 3])
    await run.handle.terminate()
  })

  test("the same update id gets the same answer, an illegal decision is refused with the reason", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["refuse"], instanceId)
    const run = await rig.start({ tasks: [task({ id: "pay" })] }, {}, { instanceId })
    await run.reaches(isBlocked)
    await expect(run.decide({ action: "skip", task: "ghost" })).rejects.toSatisfy(isRefusal("unknown_task"))
    await expect(run.decide({ action: "explode" as never })).rejects.toSatisfy(isRefusal("unknown_action"))
    const id = randomUUID()
    const [first, second] = await Promise.all([
      run.decide({ action: "skip", task: "pay" }, id),
      run.decide({ action: "skip", task: "pay" }, id),
    ])
    expect(second).toEqual(first)
    expect(first).toMatchObject({ decision_id: id, status: "success" })
    await run.handle.result()
    await recordHistory(run, "update-skip")
  })

  test("a plain signal is a decision; retry without a task takes all parked ones", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("a", ["refuse"], instanceId)
    await ledger.misbehave("b", ["refuse"], instanceId)
    const run = await rig.start({ tasks: [task({ id: "a" }), task({ id: "b" })] }, {}, { instanceId })
    await run.reaches((view) => isBlocked(view) && view.transaction.open_exceptions === 2)
    await run.handle.signal("retry")
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    expect((await run.view()).decisions).toMatchObject([
      { action: "retry", task: null, actor: "temporal", reason: null },
    ])
    expect((await run.handle.describe()).memo).not.toHaveProperty("signals")
    await recordHistory(run, "signal-retry-all")
  })

  test("an update and a signal right behind an answer that led to no command both count", async () => {
    const instanceId = randomUUID()
    for (const id of ["a", "b"]) await ledger.misbehave(id, ["refuse"], instanceId)
    const run = await rig.start({ tasks: [task({ id: "a" }), task({ id: "b" })] }, {}, { instanceId })
    await run.reaches((view) => isBlocked(view) && view.transaction.open_exceptions === 2)
    const [answer] = await Promise.all([
      run.decide({ action: "retry", task: "a" }),
      run.handle.signal("retry", { task: "b", reason: "as well" }),
    ])
    expect(answer).toMatchObject({ tasks: [{ path: "a", status: "running" }] })
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    const { decisions } = await run.view()
    expect(new Set(decisions.map(({ task: path }) => path))).toEqual(new Set(["a", "b"]))
    await recordHistory(run, "signal-beside-update")
  })

  test("bad messages never fail a workflow task: they are counted and ignored", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["refuse"], instanceId)
    const run = await rig.start({ tasks: [task({ id: "pay" })] }, {}, { instanceId })
    await run.reaches(isBlocked)
    for (const [name, payload] of [
      ["hello", { x: 1 }],
      ["retry", "pay"],
      ["retry", { task: 7 }],
      ["retry", { task: "ghost" }],
      ["__temporal_x", undefined],
      ["__stack_trace", undefined],
      ["constructor", {}],
      ["订单", [1]],
    ] as const)
      await run.handle.signal(name, payload)
    await rig.client.workflowService.signalWorkflowExecution({
      namespace: rig.namespace,
      workflowExecution: { workflowId: run.handle.workflowId },
      signalName: "retry",
      input: { payloads: [{ metadata: { encoding: Buffer.from("weird/enc") }, data: Buffer.from("x") }] },
    })
    const view = await run.reaches(({ transaction }) => transaction.ignored_messages === 9)
    expect(statusesOf(view)).toEqual({ pay: "parked" })
    await run.handle.signal("skip", { task: "pay" })
    await run.handle.result()
    const history = await run.history()
    expect(workflowTaskFailures(history)).toEqual([])
    // Those of reserved names are dropped before they are signals to us; the skip led to a command.
    expect(countEvents(history)).toMatchObject({ workflowPropertiesModifiedEventAttributes: 7 })
    await recordHistory(run, "bad-messages")
  })

  test("no stack is taken of what waits: an interpreter's says nothing, and costs more than the flow", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["refuse"], instanceId)
    const run = await rig.start({ tasks: [task({ id: "pay" })] }, {}, { instanceId })
    await run.reaches(isBlocked)
    expect(await run.handle.query("__stack_trace")).toBe("")
    await run.handle.signal("skip", { task: "pay" })
    await run.handle.result()
  })

  test("Temporal's own cancel ends a waiting transaction as Canceled", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["refuse"], instanceId)
    const run = await rig.start(
      { tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"] })] },
      {},
      { instanceId },
    )
    await run.reaches(isBlocked)
    await run.handle.cancel()
    await expect(run.handle.result()).rejects.toThrow(WorkflowFailedError)
    expect((await run.handle.describe()).status.name).toBe("CANCELLED")
    expect(statusesOf(await run.view())).toEqual({ pay: "cancelled", ship: "cancelled" })
    await recordHistory(run, "cancelled-by-temporal")
  })

  test("a cancel reaches a running call, and the transaction ends only when the call has", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["hang"], instanceId)
    const run = await rig.start(
      { tasks: [task({ id: "pay", timeout: { attempt: "50s" } })] },
      {},
      { instanceId },
    )
    await until(
      () => ledger.deliveries(instanceId),
      (deliveries) => deliveries.length === 1,
    )
    await run.decide({ action: "cancel" })
    await expect(run.handle.result()).rejects.toSatisfy((error) => failureType(error) === "cancelled")
    const view = await run.view()
    expect(view).toMatchObject({
      transaction: { status: "cancelled", open_exceptions: 1 },
      tasks: [{ path: "pay", status: "cancelled", outcome: "unknown" }],
    })
    await recordHistory(run, "cancelled-while-running")
  })

  test("a failed run carries its view, and goes on from its snapshot", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["refuse"], instanceId)
    const definition = {
      tasks: [
        task({ id: "first" }),
        task({ id: "pay", depends_on: ["first"], on_error: "fail" }),
        task({ id: "ship", depends_on: ["pay"] }),
      ],
    }
    const run = await rig.start(definition, {}, { instanceId })
    await expect(run.handle.result()).rejects.toSatisfy((error) => {
      const cause = (error as WorkflowFailedError).cause as { type?: string; details?: View[] }
      return cause.type === "failed" && cause.details?.[0]?.tasks[1]?.error?.code === "HTTP_422"
    })
    await recordHistory(run, "failed")
    const snapshot = await run.handle.query("snapshot")
    const plan = compile(definition, [
      { name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" },
    ])
    const resumed = await rig.client.workflow.start(plan.flow, {
      workflowId: run.handle.workflowId,
      taskQueue: "holdfast",
      workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
      args: [
        {
          plan_hash: `resumed-${instanceId}`,
          plan,
          params: {},
          tenant: "default",
          transaction: instanceId,
          flags: [],
          thresholds: { quiet_events: 4000, quiet_bytes: 4e6, hold_events: 10_000 },
          resume: { id: "again", action: "retry", actor: "ann", reason: "fixed" },
        },
        undefined,
        snapshot,
      ],
    })
    expect(await resumed.result()).toMatchObject({ status: "success" })
    const deliveries = await ledger.deliveries(instanceId)
    expect(deliveries.map(({ name, effect }) => [name, effect])).toEqual([
      ["first", true],
      ["pay", false],
      ["pay", true],
      ["ship", true],
    ])
    await recordHistory(rig.runOf(resumed, instanceId), "resumed")
  })

  test("a long run continues as new at quiet points, and nothing runs twice", async () => {
    const run = await rig.start({ tasks: chain(12) }, {}, { thresholds: { quiet_events: 20 }, packed: true })
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    const view = await rig.runOf(rig.client.workflow.getHandle(run.handle.workflowId), run.instanceId).view()
    expect(view.chain).toBeGreaterThan(1)
    const deliveries = await ledger.deliveries(run.instanceId)
    expect(deliveries.map(({ name }) => name)).toEqual(chain(12).map(({ id }) => id))
    await recordHistory(
      rig.runOf(rig.client.workflow.getHandle(run.handle.workflowId), run.instanceId),
      "continued-as-new",
    )
  })

  test("policy.timeout: a person extends it by signal; when it passes, what is parked stops and a resume goes on", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["refuse"], instanceId)
    const run = await rig.start(
      {
        policy: { timeout: "60s" },
        tasks: [
          task({ id: "gift", when: "${ params.gift }" }),
          task({ id: "pay", depends_on: ["gift"], priority: 1 }),
          task({ id: "ship", depends_on: ["pay"] }),
        ],
      },
      { gift: false },
      { instanceId },
    )
    const view = await run.reaches(isBlocked)
    expect(statusesOf(view)).toEqual({ gift: "skipped", pay: "parked", ship: "pending" })
    const before = view.transaction.deadline_at ?? 0
    await run.handle.signal("extend_deadline", { extend_by_ms: 5_000 })
    await run.reaches(({ transaction }) => transaction.deadline_at === before + 5_000)
    expect(await run.decide({ action: "retry_with_input", task: "pay", input: { amount: 1 } })).toMatchObject(
      {
        tasks: [{ path: "pay", status: "running" }],
      },
    )
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    const scheduled = (await run.history()).events?.flatMap(
      (event) => event.activityTaskScheduledEventAttributes ?? [],
    )
    expect(scheduled?.map(({ activityId }) => activityId)).toEqual(["pay", "pay@2", "ship"])
    expect(new Set((await ledger.deliveries(instanceId)).map(({ key }) => key)).size).toBe(3)
    await recordHistory(run, "extended-deadline")
  })

  test("a deadline that passes fails the transaction; what runs is awaited", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("pay", ["refuse"], instanceId)
    const run = await rig.start(
      { policy: { timeout: "1s" }, tasks: [task({ id: "pay" }), task({ id: "ship", depends_on: ["pay"] })] },
      {},
      { instanceId },
    )
    await expect(run.handle.result()).rejects.toSatisfy((error) => failureType(error) === "failed")
    expect(await run.view()).toMatchObject({
      transaction: { status: "failed", overdue: true, error: { code: "deadline_exceeded" } },
      tasks: [{ status: "cancelled", reason: "deadline" }, { status: "cancelled" }],
      exceptions: expect.arrayContaining([expect.objectContaining({ kind: "deadline", state: "open" })]),
    })
    await recordHistory(run, "deadline-passed")
  })

  test("50: pause holds what is ready, fail_fast stops the others", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("a", ["latch"], instanceId)
    await ledger.misbehave("b", ["refuse"], instanceId)
    await ledger.misbehave("slow", ["hang"], instanceId)
    const run = await rig.start(
      {
        policy: { failure: "fail_fast" },
        tasks: [
          task({ id: "a" }),
          task({ id: "b", depends_on: ["a"] }),
          task({ id: "slow", timeout: { attempt: "50s" } }),
        ],
      },
      {},
      { instanceId },
    )
    await until(
      () => ledger.deliveries(instanceId),
      (deliveries) => deliveries.some(({ name }) => name === "a"),
    )
    await run.decide({ action: "pause" })
    await ledger.release()
    await run.reaches((view) => statusesOf(view)["a"] === "success")
    expect(statusesOf(await run.view())["b"]).toBe("pending")
    await run.handle.signal("resume")
    await expect(run.handle.result()).rejects.toSatisfy((error) => failureType(error) === "failed")
    expect(statusesOf(await run.view())).toEqual({ a: "success", b: "failed", slow: "cancelled" })
    await recordHistory(run, "paused-and-failed-fast")
  })

  test("a reset run continues as new: keyed calls are repeated under their keys, unsafe ones are asked about", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("t4", ["refuse"], instanceId)
    const tasks = chain(7).map((one) =>
      one.id === "t2" || one.id === "t6" ? { ...one, effect: "unsafe" } : one,
    )
    const first = await rig.start({ tasks }, {}, { instanceId, thresholds: { quiet_events: 40 } })
    await first.reaches(isBlocked)
    const resetRun = await resetToFirstTask(rig, first)
    const latest = rig.runOf(rig.client.workflow.getHandle(first.handle.workflowId), instanceId)

    await latest.reaches((view) => isBlocked(view) && statusesOf(view)["t2"] === "parked")
    await latest.decide({ action: "complete", task: "t2", attest: "executed", output: {} })
    const view = await latest.reaches((now) => isBlocked(now) && statusesOf(now)["t6"] === "parked")
    expect(view.chain).toBe(1)
    expect(view.tasks[6]).toMatchObject({ outcome: "unknown" })
    await latest.decide({ action: "retry", task: "t6", attest: "not_executed" })
    expect(await latest.handle.result()).toMatchObject({ status: "success" })

    const deliveries = await ledger.deliveries(instanceId)
    const effects = deliveries.filter(({ effect }) => effect)
    expect(effects.map(({ name }) => name)).toEqual(["t0", "t1", "t2", "t3", "t4", "t5", "t6"])
    const repeated = deliveries.filter(({ effect }) => !effect)
    expect(repeated.map(({ name }) => name)).toEqual(["t4", "t0", "t1", "t3"])
    const continued = rig.changes.filter((row) => row.transaction_id === instanceId && row.chain === 1)
    expect(new Set(continued.map(({ reset_run }) => reset_run))).toEqual(new Set([resetRun]))
  })

  test("signals of one position before and after a reset are two decisions", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("t0", ["refuse", "refuse"], instanceId)
    const first = await rig.start({ tasks: chain(1) }, {}, { instanceId })
    await first.reaches(isBlocked)
    await first.handle.signal("retry", { task: "t0", reason: "try again" })
    await first.reaches((view) => isBlocked(view) && view.decisions.length === 1)
    await resetToFirstTask(rig, first, { reapplySignals: false })
    const latest = rig.runOf(rig.client.workflow.getHandle(first.handle.workflowId), instanceId)
    await ledger.misbehave("t0", ["refuse"], instanceId)
    await latest.reaches(isBlocked)
    await latest.handle.signal("skip", { task: "t0", reason: "not needed" })
    await latest.handle.result()
    const decided = rig.changes
      .filter((row) => row.transaction_id === instanceId)
      .flatMap((row) => row.decisions)
    expect(new Map(decided.map((row) => [row.decision_id, row.action]))).toHaveProperty("size", 2)
  })

  test("racing decisions are neither lost nor applied twice while runs continue as new", async () => {
    const instanceId = randomUUID()
    const size = 40
    const ids = Array.from({ length: size }, (_, at) => `t${at}`)
    for (const id of ids) await ledger.misbehave(id, ["refuse"], instanceId)
    const run = await rig.start(
      { policy: { max_parallel: 10 }, tasks: ids.map((id) => task({ id })) },
      {},
      { instanceId, thresholds: { quiet_events: 30, hold_events: 40 } },
    )
    const latest = rig.runOf(rig.client.workflow.getHandle(run.handle.workflowId), instanceId)
    await latest.reaches((view) => isBlocked(view) && view.transaction.open_exceptions === size)
    const answers = await Promise.all(ids.map(decideAsTheApiDoes(latest, rig)))
    expect(answers).toEqual(ids.map((id) => `retry-${id}`))
    expect(await latest.handle.result()).toMatchObject({ status: "success" })
    const effects = (await ledger.deliveries(instanceId)).filter(({ effect }) => effect)
    expect(effects.map(({ name }) => name).toSorted()).toEqual(ids.toSorted())
    expect((await ledger.deliveries(instanceId)).length).toBe(2 * size)
    await recordHistory(latest, "racing-decisions")
  })

  test("update with start: a decision before the first task", async () => {
    const plan = compile({ name: "early", tasks: [] })
    const instanceId = randomUUID()
    const start = new WithStartWorkflowOperation(plan.flow, {
      workflowId: `default/${instanceId}`,
      taskQueue: "holdfast",
      workflowIdConflictPolicy: "FAIL",
      args: [
        {
          plan_hash: "early",
          plan,
          params: {},
          tenant: "default",
          transaction: instanceId,
          flags: [],
          thresholds: { quiet_events: 4000, quiet_bytes: 4e6, hold_events: 10_000 },
        },
      ],
    })
    const answer = rig.client.workflow.executeUpdateWithStart("decide", {
      args: [{ action: "cancel", actor: "ann", reason: "early" }],
      updateId: "u1",
      startWorkflowOperation: start,
    })
    await expect(answer).resolves.toMatchObject({ decision_id: "u1" })
  })

  test("a start that is not ours fails at once and says what to do", async () => {
    const handle = await rig.client.workflow.start("anything", {
      workflowId: `default/${randomUUID()}`,
      taskQueue: "holdfast",
      args: [{ hello: 1 }],
    })
    await expect(handle.result()).rejects.toSatisfy((error) => failureType(error) === "malformed_start")
  })

  test("ids of 128 Chinese characters are shortened for Temporal and whole for the target", async () => {
    const instanceId = "订单".repeat(64)
    const run = await rig.start(
      { name: "订单流程", tasks: [task({ id: "pay", description: "扣款" })] },
      {},
      { instanceId },
    )
    await run.handle.result()
    expect(Buffer.byteLength(run.handle.workflowId)).toBeLessThanOrEqual(200)
    expect(rig.attempts.filter(({ transaction_id }) => transaction_id === instanceId)).toHaveLength(1)
    await rig.client.workflow.getHandle(run.handle.workflowId).describe()
    await recordHistory(run, "chinese-ids")
  })

  test("an engine fault fails only its own workflow task; its neighbours go on", async () => {
    const plan = compile({ name: "cyclic", tasks: [task({ id: "a" }), task({ id: "b" })] }, [
      { name: "ledger", kind: "http", base_url: ledger.url },
    ])
    const [a, b] = plan.tasks
    if (!a || !b) throw new Error("no tasks")
    const cyclic = {
      ...plan,
      tasks: [
        { ...a, deps: [1] },
        { ...b, deps: [0] },
      ],
    }
    const bad = await rig.client.workflow.start("cyclic", {
      workflowId: `default/${randomUUID()}`,
      taskQueue: "holdfast",
      args: [
        {
          plan_hash: "cyclic",
          plan: cyclic,
          params: {},
          tenant: "default",
          transaction: "c",
          flags: [],
          thresholds: { quiet_events: 4000, quiet_bytes: 4e6, hold_events: 10_000 },
        },
      ],
    })
    const neighbours = await Promise.all(Array.from({ length: 5 }, () => rig.start({ tasks: chain(4) })))
    for (const neighbour of neighbours)
      expect(await neighbour.handle.result()).toMatchObject({ status: "success" })
    const failures = await until(
      async () => workflowTaskFailures(await bad.fetchHistory()),
      ({ length }) => length > 0,
    )
    expect(failures[0]).toContain("2 tasks are pending")
    for (const neighbour of neighbours) expect(workflowTaskFailures(await neighbour.history())).toEqual([])
    await bad.terminate()
  })

  test("the mirror's rows, folded in the order they came, equal the run's own view", async () => {
    const instanceId = randomUUID()
    await ledger.misbehave("t2", ["refuse"], instanceId)
    const run = await rig.start({ tasks: chain(4) }, {}, { instanceId })
    await run.reaches(isBlocked)
    await run.decide({ action: "retry", task: "t2" })
    await run.handle.result()
    const view = await run.view()
    const folded = await until(
      () => {
        const mine = rig.changes.filter(({ transaction_id }) => transaction_id === instanceId)
        return {
          transaction: mine.flatMap(({ transaction }) => transaction ?? []).at(-1),
          tasks: [
            ...new Map(mine.flatMap(({ tasks }) => tasks.map((row) => [row.path, row] as const))).values(),
          ],
        }
      },
      ({ transaction }) => transaction?.status === "success",
    )
    expect(folded.transaction).toEqual(view.transaction)
    expect(folded.tasks.toSorted((x, y) => x.index - y.index)).toEqual(view.tasks)
    await recordHistory(run, "chain-parked")
  })
})

function failureType(error: unknown): string | undefined {
  return error instanceof WorkflowFailedError ? (error.cause as { type?: string }).type : undefined
}

/** As `temporal workflow reset` does. @returns the new run's id. */
async function resetToFirstTask(
  { client, namespace }: WorkflowRig,
  { handle }: Run,
  { reapplySignals = true } = {},
): Promise<string> {
  const { events } = await handle.fetchHistory()
  const completed = events?.find((event) => event.workflowTaskCompletedEventAttributes)
  const { runId } = await handle.describe()
  const answer = await client.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId: handle.workflowId, runId },
    workflowTaskFinishEventId: completed?.eventId ?? null,
    requestId: randomUUID(),
    reason: "test",
    resetReapplyExcludeTypes: reapplySignals
      ? []
      : [temporal.api.enums.v1.ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL],
  })
  return answer.runId
}

/**
 * As the API decides (`src/api/decide.ts`): few at once; a run that continues as new hands updates that had not
 * reached it back to the caller, who asks again under the same id; and what had its answer lost with the last run
 * is in that run's rows.
 */
function decideAsTheApiDoes(run: Run, { changes }: WorkflowRig) {
  const turns = createTurns(UPDATES_AT_ONCE)
  const waiting = { patienceMs: 60_000, tooLate: () => new Error("no turn") }
  const ask = async (task: string): Promise<string> => {
    const id = `retry-${task}`
    for (let asked = 1; ; asked++) {
      try {
        const answer = await run.decide({ action: "retry", task }, id)
        return answer.decision_id
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) {
          const rows = changes.filter((change) => change.transaction_id === run.instanceId)
          return (
            rows.flatMap(({ decisions }) => decisions).find((row) => row.decision_id === id)?.decision_id ??
            "lost"
          )
        }
        if (asked === 20 || !isTemporalAway(error)) throw error
        await sleep(20)
      }
    }
  }
  return (task: string) => turns.take("run", () => ask(task), waiting)
}
