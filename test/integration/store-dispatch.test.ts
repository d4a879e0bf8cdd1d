import { randomBytes } from "node:crypto"
import { EventEmitter, once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { InterceptingCall, type Interceptor, Metadata, status } from "@grpc/grpc-js"
import { Client, Connection } from "@temporalio/client"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { unpackJson } from "../../src/contract/packed-json.ts"
import { LOCK_CLASS_ONCE, LOCK_CLASS_RESUME } from "../../src/store/advisory-locks.ts"
import { createDispatcher, WorkflowIdTaken } from "../../src/store/dispatch.ts"
import { createPlanCache } from "../../src/store/dispatch/plan-cache.ts"
import { toStartArguments, toStartOptions } from "../../src/store/dispatch/start-options.ts"
import type { Once } from "../../src/store/queries/find-holder.ts"
import { findStart } from "../../src/store/queries/find-start.ts"
import { insertOnce } from "../../src/store/queries/insert-once.ts"
import { isTemporalAway } from "../../src/store/temporal/errors.ts"
import { readStart } from "../../src/store/temporal/read-start.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { getServers } from "../helpers/servers.ts"
import { startSweepRig, type SweepRig } from "../helpers/sweep-rig.ts"
import { openTcpGate } from "../helpers/tcp-gate.ts"
import { until } from "../helpers/until.ts"

let rig: SweepRig

beforeAll(async () => {
  rig = await startSweepRig()
  await rig.publish("order")
  await rig.publish("brittle", { onError: "fail" })
  await rig.publish("keyed", { onError: "fail", onDuplicate: "reject" })
  await rig.startWorker()
})
afterAll(() => rig.stop())
beforeEach(() => rig.behaviours.clear())

const workflowOf = (instanceId: string) => rig.client.workflow.getHandle(`default/${instanceId}`)
const decision = { id: "resume-1", action: "retry", actor: "ann", reason: "it is mended" } as const

/** What a server does to a client without the operator's role. */
const denyOperators: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      if (!options.method_definition.path.includes("operatorservice")) return next(metadata, listener)
      listener.onReceiveStatus({
        code: status.PERMISSION_DENIED,
        details: "operators only",
        metadata: new Metadata(),
      })
    },
  })

describe("dispatch()", () => {
  test("starts a transaction once, under names that a person can read in Temporal", async () => {
    await rig.accept("once", { start: false })
    expect(await rig.dispatcher.dispatch("default", "once")).toBe("started")
    expect(await rig.dispatcher.dispatch("default", "once")).toBe("already_running")
    const described = await workflowOf("once").describe()
    expect(described).toMatchObject({ type: "order", taskQueue: "holdfast" })
    expect(described.memo).toMatchObject({
      tenant: "default",
      transaction: "once",
      flow_id: "order",
      version: 1,
    })
    expect(described.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])).toEqual([
      ["HoldfastTenant", "default"],
    ])
    expect(await described.staticSummary()).toBe("version 1")
    expect(await workflowOf("once").result()).toMatchObject({ status: "success", output: { done: "b" } })
  })

  test("notices that an earlier try came through", async () => {
    await rig.accept("twice")
    await workflowOf("twice").result()
    await until(
      () => rig.mirror("twice"),
      ({ transaction }) => transaction.row.status === "success",
    )
    await rig.pool.query("update txn set dispatched_at = null where instance_id = 'twice'")
    expect(await rig.dispatcher.dispatch("default", "twice")).toBe("already_running")
    expect((await rig.mirror("twice")).transaction.is_dispatched).toBe(true)
  })

  test("does not take somebody else's workflow for its own", async () => {
    await rig.client.workflow.start("order", { workflowId: "default/taken", taskQueue: "elsewhere" })
    await rig.accept("taken", { start: false })
    await expect(rig.dispatcher.dispatch("default", "taken")).rejects.toThrow(WorkflowIdTaken)
    expect((await rig.mirror("taken")).transaction.is_dispatched).toBe(false)
  })

  test("sends a large plan beside the start input", async () => {
    await rig.publish("large", { description: randomBytes(20_000).toString("hex") })
    await rig.accept("large-1", { flowId: "large" })
    expect(await workflowOf("large-1").result()).toMatchObject({ status: "success" })
    const { runId } = await workflowOf("large-1").describe()
    const { args } = await readStart(rig.client, { workflowId: "default/large-1", runId })
    expect(args[0]).not.toHaveProperty("plan")
    expect(args[1]).toBeInstanceOf(Uint8Array)
  })

  test("says when Temporal is away, and starts when it is back", async () => {
    const { temporalAddress } = await getServers()
    const [host = "", port = ""] = temporalAddress.split(":")
    const gate = await openTcpGate({ host, port: Number(port) })
    const connection = await Connection.connect({ address: `127.0.0.1:${gate.port}` })
    const client = new Client({ connection, namespace: rig.namespace })
    const dispatcher = createDispatcher({ pool: rig.pool, client, logger: createListeningLogger() })
    await rig.accept("later", { start: false })
    gate.shut()
    const away = await dispatcher.dispatch("default", "later").catch((thrown: unknown) => thrown)
    expect(isTemporalAway(away)).toBe(true)
    expect((await rig.mirror("later")).transaction).toMatchObject({
      is_dispatched: false,
      row: { status: "pending" },
    })
    gate.open()
    const started = () => dispatcher.dispatch("default", "later").catch(() => "away" as const)
    expect(await until(started, (answer) => answer !== "away")).toBe("started")
    await connection.close()
    await gate.close()
  })

  test("works where search attributes cannot be had", async () => {
    const { temporalAddress } = await getServers()
    const connection = await Connection.connect({ address: temporalAddress, interceptors: [denyOperators] })
    const client = new Client({ connection, namespace: rig.namespace })
    const dispatcher = createDispatcher({ pool: rig.pool, client, logger: createListeningLogger() })
    await rig.accept("plain", { start: false })
    expect(await dispatcher.dispatch("default", "plain")).toBe("started")
    const { typedSearchAttributes, memo } = await workflowOf("plain").describe()
    expect(typedSearchAttributes.getAll()).toEqual([])
    expect(memo).toMatchObject({ tenant: "default" })
    await connection.close()
  })
})

/** A dispatcher of another process, held at its first call of a method until it is released. */
async function openSlowDispatcher(method = "QueryWorkflow") {
  const { temporalAddress } = await getServers()
  const events = new EventEmitter()
  let wasHeld = false
  const reached = once(events, "reached")
  const hold: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        const isIt = options.method_definition.path.endsWith(`/${method}`)
        if (wasHeld || !isIt) return next(metadata, listener)
        wasHeld = true
        events.once("released", () => next(metadata, listener))
        events.emit("reached")
      },
    })
  const connection = await Connection.connect({ address: temporalAddress, interceptors: [hold] })
  const client = new Client({ connection, namespace: rig.namespace })
  return {
    dispatcher: createDispatcher({ pool: rig.pool, client, logger: createListeningLogger() }),
    reached,
    release: () => events.emit("released"),
    close: () => connection.close(),
  }
}

/** Ids of the decisions that the newest run and those before it took, oldest first. */
async function decisionsOf(instanceId: string): Promise<string[]> {
  const packed = await workflowOf(instanceId).query<Uint8Array>("snapshot")
  const { answers } = unpackJson(packed) as { answers: [string, unknown][] }
  return answers.map(([id]) => id)
}

describe("resume()", () => {
  test("goes on with a failed transaction where it stopped", async () => {
    rig.behaviours.set("b", "refuse")
    await rig.accept("failed", { flowId: "brittle" })
    await rig.waitForStatus("failed", "FAILED")
    await rig.sweepUntil("failed", ({ transaction }) => transaction.is_confirmed)
    const before = await workflowOf("failed").describe()
    rig.behaviours.set("b", "hang")
    expect(await rig.dispatcher.resume("default", "failed", decision)).toBe("resumed")
    expect(await rig.dispatcher.resume("default", "failed", decision)).toBe("already_running")
    const resumed = await rig.mirror("failed")
    expect(resumed.transaction).toMatchObject({ is_confirmed: false, row: { ended_at: null } })
    expect(resumed.transaction.row.status).not.toBe("failed")
    expect(resumed.transaction.run_id).not.toBe(before.runId)
    rig.behaviours.set("b", "succeed")
    expect(await workflowOf("failed").result()).toMatchObject({ status: "success", output: { done: "b" } })
    await rig.sweepUntil("failed", ({ transaction }) => transaction.is_confirmed)
    const after = await rig.mirror("failed")
    expect(after.transaction).toMatchObject({ chain: 1, row: { status: "success" } })
    // The run before is the one that ran `a`.
    expect(after.tasks[0]?.output).toEqual({ done: "a" })
    expect(await checkMirror({ pool: rig.pool, client: rig.client })).toMatchObject({ differences: [] })
  })

  test("resumes no run twice, however late one of two starts", async () => {
    rig.behaviours.set("b", "refuse")
    await rig.accept("raced", { flowId: "brittle" })
    await rig.waitForStatus("raced", "FAILED")
    const slow = await openSlowDispatcher()
    const late = slow.dispatcher.resume("default", "raced", { ...decision, id: "late" })
    // It has seen the first failed run, and is held before it reads what to go on with.
    await slow.reached
    expect(await rig.dispatcher.resume("default", "raced", { ...decision, id: "early" })).toBe("resumed")
    await rig.waitForStatus("raced", "FAILED")
    slow.release()
    expect(await late).toBe("resumed")
    await rig.waitForStatus("raced", "FAILED")
    // One after the other: the third run knows what was decided for the second.
    expect(await decisionsOf("raced")).toEqual(["early", "late"])
    await slow.close()
  })

  test("resumes each failed run once when many ask", async () => {
    rig.behaviours.set("b", "refuse")
    await rig.accept("crowded", { flowId: "brittle" })
    await rig.waitForStatus("crowded", "FAILED")
    const ids = ["a", "b", "c", "d", "e", "f"]
    const answers = await Promise.all(
      ids.map((id) => rig.dispatcher.resume("default", "crowded", { ...decision, id })),
    )
    const resumed = ids.filter((_, position) => answers[position] === "resumed")
    expect(resumed).not.toEqual([])
    await rig.waitForStatus("crowded", "FAILED")
    expect((await decisionsOf("crowded")).toSorted()).toEqual(resumed)
  })

  test("takes a decision once, also when its first answer was lost and the run has failed again", async () => {
    rig.behaviours.set("b", "refuse")
    await rig.accept("repeated", { flowId: "brittle" })
    await rig.waitForStatus("repeated", "FAILED")
    expect(await rig.dispatcher.resume("default", "repeated", decision)).toBe("resumed")
    await rig.waitForStatus("repeated", "FAILED")
    const { runId } = await workflowOf("repeated").describe()
    expect(await rig.dispatcher.resume("default", "repeated", decision)).toBe("resumed")
    expect((await workflowOf("repeated").describe()).runId).toBe(runId)
    // A new decision goes on, and the one before it stays known.
    expect(await rig.dispatcher.resume("default", "repeated", { ...decision, id: "other" })).toBe("resumed")
    await rig.waitForStatus("repeated", "FAILED")
    expect(await rig.dispatcher.resume("default", "repeated", decision)).toBe("resumed")
    expect(await decisionsOf("repeated")).toEqual([decision.id, "other"])
  })

  test("refuses what did not fail by its own word", async () => {
    await rig.accept("fine")
    await workflowOf("fine").result()
    expect(await rig.dispatcher.resume("default", "fine", decision)).toBe("not_failed")
    rig.behaviours.set("b", "refuse")
    await rig.accept("gone")
    await until(
      () => rig.mirror("gone"),
      ({ transaction }) => transaction.row.status === "blocked",
    )
    expect(await rig.dispatcher.resume("default", "gone", decision)).toBe("already_running")
    await workflowOf("gone").terminate()
    expect(await rig.dispatcher.resume("default", "gone", decision)).toBe("orchestrator_lost")
  })
})

describe("resume() while another transaction comes in its place", () => {
  /** As the API stores a redo of `of`, or a start with its business key. */
  function rival(instance_id: string, { of, once }: { of: string; once: Once }) {
    const transaction = {
      tenant: "default",
      instance_id,
      workflow_id: `default/${instance_id}`,
      flow_id: "keyed",
      flow_name: "keyed",
      flow_version: 1,
      plan_hash: "",
      params: {},
      request_hash: instance_id,
      business_key: once === "business_key" ? of : null,
      labels: {},
      actor: "bob",
      redo_of: once === "redo_of" ? of : null,
    }
    return insertOnce(rig.pool, transaction, [once])
  }

  /** Its business key is its id. */
  async function fail(id: string): Promise<void> {
    rig.behaviours.set("b", "refuse")
    await rig.accept(id, { flowId: "keyed", start: false })
    await rig.pool.query("update txn set business_key = instance_id where instance_id = $1", [id])
    await rig.dispatcher.dispatch("default", id)
    await rig.waitForStatus(id, "FAILED")
    await until(
      () => rig.mirror(id),
      ({ transaction }) => transaction.row.status === "failed",
    )
    await rig.pool.query("update txn set confirmed_at = now() where instance_id = $1", [id])
    rig.behaviours.set("b", "hang")
  }

  const CLAIMS = ["redo_of", "business_key"] as const

  test.each(CLAIMS)("gives way to one that came while the failed run was read: %s", async (once) => {
    const id = `late-${once}`
    await fail(id)
    const slow = await openSlowDispatcher()
    const resuming = slow.dispatcher.resume("default", id, decision)
    await slow.reached
    expect(await rival(`${id}-2`, { of: id, once })).toMatchObject({ kind: "inserted" })
    slow.release()
    expect(await resuming).toEqual({ kind: "duplicate", in: once, instance_id: `${id}-2` })
    expect((await workflowOf(id).describe()).status.name).toBe("FAILED")
    await slow.close()
  })

  test.each(CLAIMS)("keeps one out that comes while it starts: %s", async (once) => {
    const id = `early-${once}`
    await fail(id)
    const slow = await openSlowDispatcher("StartWorkflowExecution")
    const resuming = slow.dispatcher.resume("default", id, decision)
    await slow.reached
    const coming = rival(`${id}-2`, { of: id, once })
    const waiting =
      "select from pg_locks join pg_database on pg_database.oid = database where datname = current_database() and classid = $1 and not granted"
    await until(
      () => rig.pool.query(waiting, [LOCK_CLASS_ONCE]),
      ({ rowCount }) => rowCount === 1,
    )
    slow.release()
    expect(await resuming).toBe("resumed")
    expect(await coming).toEqual({ kind: "duplicate", in: once, instance_id: id })
    await slow.close()
  })

  test("of many that come at once, one goes on", async () => {
    for (let round = 0; round < 6; round++) {
      const id = `many-${round}`
      await fail(id)
      const resumes = Array.from({ length: 3 }, (_, at) =>
        rig.dispatcher.resume("default", id, { ...decision, id: `${id}-${at}` }),
      )
      const rivals = Array.from({ length: 6 }, async (_, at) => {
        await sleep(round * 20 + at * 15)
        return rival(`${id}-rival-${at}`, { of: id, once: CLAIMS[at % 2] ?? "redo_of" })
      })
      const resumed = (await Promise.all(resumes)).filter((answer) => answer === "resumed").length
      const stored = (await Promise.all(rivals)).filter(({ kind }) => kind === "inserted").length
      // A redo and a start with the business key are not in each other's way here: these rivals have one of the two.
      if (resumed > 0) expect(stored).toBe(0)
      else expect(stored).toBeGreaterThan(0)
      expect(resumed).toBeLessThanOrEqual(1)
    }
  })
})

describe("dispatch() under an id that was used before", () => {
  /** As the purge leaves it. */
  async function forget(id: string): Promise<void> {
    await rig.pool.query("delete from txn_task where instance_id = $1", [id])
    await rig.pool.query("delete from txn where instance_id = $1", [id])
  }

  async function acceptOther(id: string): Promise<void> {
    await rig.accept(id, { start: false })
    await rig.pool.query(
      `update txn set params = '{"amount":6}', request_hash = 'other' where instance_id = $1`,
      [id],
    )
  }

  const runOf = async (id: string) => (await workflowOf(id).describe()).runId
  const sentTo = async (id: string) => {
    const { args } = await readStart(rig.client, { workflowId: `default/${id}`, runId: await runOf(id) })
    return args[0]
  }

  /** Ended, and its row purged. */
  async function endedAndForgotten(id: string): Promise<string> {
    await rig.accept(id)
    await workflowOf(id).result()
    await until(
      () => rig.mirror(id),
      ({ transaction }) => transaction.row.status === "success",
    )
    await forget(id)
    return runOf(id)
  }

  test("starts another request after a closed run, once", async () => {
    const before = await endedAndForgotten("reused")
    await acceptOther("reused")
    expect(await rig.dispatcher.dispatch("default", "reused")).toBe("started")
    const run = await runOf("reused")
    expect(run).not.toBe(before)
    expect(await sentTo("reused")).toMatchObject({ params: { amount: 6 } })
    await workflowOf("reused").result()
    const { transaction } = await until(
      () => rig.mirror("reused"),
      (mirror) => mirror.transaction.row.status === "success",
    )
    expect(transaction.run_id).toBe(run)
    await rig.pool.query("update txn set dispatched_at = null where instance_id = 'reused'")
    expect(await rig.dispatcher.dispatch("default", "reused")).toBe("already_running")
    expect(await runOf("reused")).toBe(run)
  })

  test("does not start it twice where somebody else has started it and it has ended meanwhile", async () => {
    await endedAndForgotten("overtaken")
    await acceptOther("overtaken")
    const lock = await rig.pool.connect()
    await lock.query("select pg_advisory_lock($1, hashtext('default/overtaken'))", [LOCK_CLASS_RESUME])
    const late = rig.dispatcher.dispatch("default", "overtaken")
    await until(
      () => rig.pool.query("select from pg_locks where classid = $1 and not granted", [LOCK_CLASS_RESUME]),
      ({ rowCount }) => rowCount === 1,
    )
    const start = await findStart(rig.pool, { tenant: "default", instance_id: "overtaken" })
    const quicker = await rig.client.workflow.start("order", {
      ...toStartOptions(start!, { searchAttributes: false }),
      args: toStartArguments(start!, await createPlanCache(rig.pool).get(start!)),
    })
    await quicker.result()
    lock.release(true)
    expect(await late).toBe("already_running")
    expect(await runOf("overtaken")).toBe(quicker.firstExecutionRunId)
  })

  test("answers a repeat of the same request with the closed run", async () => {
    const before = await endedAndForgotten("same")
    await rig.accept("same", { start: false })
    expect(await rig.dispatcher.dispatch("default", "same")).toBe("already_running")
    expect(await runOf("same")).toBe(before)
  })

  test("takes a run of an earlier release, which does not say what was asked for, for the same request's", async () => {
    const memo = { tenant: "default", transaction: "early" }
    const options = { workflowId: "default/early", taskQueue: "elsewhere", memo }
    await (await rig.client.workflow.start("order", options)).terminate()
    await acceptOther("early")
    expect(await rig.dispatcher.dispatch("default", "early")).toBe("already_running")
  })

  test("waits while a run of another request is open", async () => {
    rig.behaviours.set("b", "hang")
    await rig.accept("busy")
    await until(
      () => rig.mirror("busy"),
      ({ tasks }) => tasks.some(({ path, status }) => path === "b" && status === "running"),
    )
    await forget("busy")
    await acceptOther("busy")
    await expect(rig.dispatcher.dispatch("default", "busy")).rejects.toThrow(WorkflowIdTaken)
    expect((await rig.mirror("busy")).transaction.is_dispatched).toBe(false)
    rig.behaviours.clear()
    await workflowOf("busy").result()
    await until(
      () => rig.mirror("busy"),
      ({ transaction }) => transaction.row.status === "success",
    )
    // As if its last rows had not come in this row's time.
    await rig.pool.query("update txn set dispatched_at = null where instance_id = 'busy'")
    expect(await rig.dispatcher.dispatch("default", "busy")).toBe("started")
  })
})
