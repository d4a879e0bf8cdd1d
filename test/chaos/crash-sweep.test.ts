/**
 * One saga whose last task is refused, again and again: the worker is killed at every event of its history, and the
 * workflow is reset to every workflow task of it. It must come to the same end each time, and the target's books must
 * not differ by one effect.
 */
import { randomUUID } from "node:crypto"
import { Client, Connection, type WorkflowHandle } from "@temporalio/client"
import { temporal as proto } from "@temporalio/proto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { toError } from "../../src/contract/errors.ts"
import { TASK_QUEUE } from "../../src/contract/messages.ts"
import { toWorkflowId } from "../../src/contract/names.ts"
import type { View } from "../../src/contract/rows.ts"
import { askRun } from "../../src/store/temporal/ask-run.ts"
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { until } from "../helpers/until.ts"
import { checkRecords, withRecords } from "./check-records.ts"

type HistoryEvent = proto.api.history.v1.IHistoryEvent

/** Every event, or every eighth. */
const STRIDE = process.env.HOLDFAST_SOAK === "full" ? 1 : 8
/** A query that its worker took and never answered is asked again after this. */
const QUERY_MS = 10_000
/** Of the answers that were none, the last ones. */
const SHOWN = 10

const posting = (id: string, depends_on: string[]) => ({
  id,
  task_name: "http",
  depends_on,
  effect: "keyed",
  retry: { strategy: "auto", max_attempts: 5, interval: "100ms" },
  timeout: { attempt: "2s" },
  config: { connection: "ledger", url: `/do/${id}`, body: {} },
  compensate: {
    task_name: "http",
    retry: { interval: "100ms" },
    timeout: { attempt: "2s" },
    config: { connection: "ledger", url: `/undo/${id}`, body: { key: "${ task.key }" } },
  },
})
/** 37: inventory refuses, and what came before is undone in reverse order. */
const saga = (name: string, more: object = {}) => ({
  name,
  policy: { failure: "compensate" },
  tasks: [
    posting("order", []),
    posting("pay", ["order"]),
    posting("stock", ["pay"]),
    { ...posting("ship", ["stock"]), ...more },
  ],
})
/** Slow enough for a kill to find the history at a certain length. */
const SLOW = ["order", "pay", "order-undo", "pay-undo"]

describe("a saga that is refused", () => {
  let product: LedgerNode | undefined
  let database: LedgerNode["database"]
  let temporal: LedgerNode["temporal"]
  let ledger: LedgerNode["ledger"]
  let node: LedgerNode["node"]
  let api: LedgerNode["api"]
  let connection: Connection | undefined
  let client: Client
  let started = 0

  beforeAll(async () => {
    product = await startLedgerNode()
    ;({ database, temporal, ledger, node, api } = product)
    connection = await Connection.connect({ address: temporal.address })
    client = new Client({
      connection,
      namespace: temporal.namespace,
      dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER_PATH },
    })
    await api.publish(saga("saga"))
  })
  afterAll(async () => {
    await connection?.close()
    await product?.stop()
  })

  async function start(): Promise<{ id: string; handle: WorkflowHandle }> {
    const id = `saga-${randomUUID().slice(0, 8)}`
    await ledger.misbehave("stock", ["refuse", "refuse", "refuse"], id)
    for (const name of SLOW) await ledger.misbehave(name, ["slow:60"], id)
    await api.start("saga", id)
    started++
    return { id, handle: client.workflow.getHandle(toWorkflowId("default", id)) }
  }

  async function endOf(handle: WorkflowHandle): Promise<object> {
    await handle.result().catch(() => undefined)
    const view = await viewOf(handle)
    return {
      status: view.transaction.status,
      // A refusal that comes after a lost attempt proves nothing: then it is undone as well, which changes nothing.
      tasks: view.tasks
        .filter(({ path }) => path !== "stock")
        .map(({ path, status, outcome, compensation }) => ({ path, status, outcome, compensation })),
    }
  }

  /**
   * Temporal hands a query to the worker that had the run last, which may just have been killed. What came instead of
   * an answer, and who was there to give one, is told where none ever comes.
   */
  async function viewOf(handle: WorkflowHandle): Promise<View> {
    const since = Date.now()
    const failures: string[] = []
    const ask = async () => {
      const askedAt = Date.now()
      try {
        const query = () => askRun(() => handle.query<View>("state"))
        return { view: await client.withDeadline(askedAt + QUERY_MS, query), failures }
      } catch (thrown) {
        failures.push(`${askedAt - since} to ${Date.now() - since} ms: ${describeError(thrown)}`)
        failures.splice(0, failures.length - SHOWN)
        return { view: undefined, failures, pollers: await pollers() }
      }
    }
    const { view } = await until(ask, (found) => found.view !== undefined)
    if (view === undefined) throw new Error("the run did not answer")
    return view
  }

  async function pollers(): Promise<string[]> {
    const found = await client.workflowService.describeTaskQueue({
      namespace: temporal.namespace,
      taskQueue: { name: TASK_QUEUE },
      taskQueueType: proto.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    })
    return (found.pollers ?? []).map(
      ({ identity, lastAccessTime }) =>
        `${identity} seen ${Math.round(Date.now() / 1_000 - Number(lastAccessTime?.seconds))} s ago`,
    )
  }

  /** Names of what had an effect, in order. */
  async function effectsOf(id: string): Promise<string[]> {
    return (await ledger.deliveries(id)).filter(({ effect }) => effect).map(({ name }) => name)
  }

  async function reset(
    workflowExecution: { workflowId: string; runId: string },
    eventId: HistoryEvent["eventId"],
  ): Promise<{ runId: string; handle: WorkflowHandle }> {
    const { runId } = await client.workflowService.resetWorkflowExecution({
      namespace: temporal.namespace,
      workflowExecution,
      workflowTaskFinishEventId: eventId ?? null,
      requestId: randomUUID(),
      reason: "test",
    })
    return { runId, handle: client.workflow.getHandle(workflowExecution.workflowId, runId) }
  }

  /** Of all transactions so far. */
  async function checkAllRecords(): Promise<void> {
    await withRecords({ databaseUrl: database.url, temporal }, (records) =>
      checkRecords(records, { transactions: started, withinMs: 30_000 }),
    )
  }

  const EFFECTS = ["order", "pay", "pay-undo", "order-undo"]

  test("47: comes to the same end wherever the worker is killed", { timeout: 600_000 }, async () => {
    const first = await start()
    const expected = await endOf(first.handle)
    expect(expected).toMatchObject({ status: "compensated" })
    expect(await effectsOf(first.id)).toEqual(EFFECTS)
    const { historyLength } = await first.handle.describe()
    const kills: number[] = []
    let met = 0
    for (let at = 2; at < historyLength; at += STRIDE) {
      const { id, handle } = await start()
      const { historyLength: length } = await until(
        () => handle.describe(),
        (found) => found.historyLength >= at,
        { everyMs: 2 },
      )
      await node.kill()
      kills.push(length)
      // Nobody moves it now.
      if ((await handle.describe()).status.name === "RUNNING") met++
      await node.start()
      const where = `kill ${kills.length} of ${id}, at event ${length} (${await typeOfEvent(handle, length)})`
      expect(await endOf(handle).catch(explainedBy(where)), where).toEqual(expected)
      expect(await effectsOf(id), where).toEqual(EFFECTS)
    }
    process.stdout.write(
      `  killed at events ${kills.join(", ")} of ${historyLength}; ${met} before the end\n`,
    )
    expect(met, "kills that came before the end").toBeGreaterThan(kills.length / 2)
    await checkAllRecords()
  })

  test("48: a reset to any workflow task adds no effect", { timeout: 600_000 }, async () => {
    const { id, handle } = await start()
    const expected = await endOf(handle)
    const { events } = await handle.fetchHistory()
    const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes)
    expect(tasks.length).toBeGreaterThan(5)
    const { runId } = await handle.describe()
    const runs = new Set([runId])
    for (const event of tasks) {
      const where = `reset to event ${String(event.eventId)}`
      const another = await reset({ workflowId: handle.workflowId, runId }, event.eventId)
      expect(runs, where).not.toContain(another.runId)
      runs.add(another.runId)
      const end = (await endOf(another.handle)) as { status: string }
      expect(end.status, where).toBe("compensated")
      expect(await effectsOf(id), where).toEqual(EFFECTS)
    }
    expect(expected).toMatchObject({ status: "compensated" })
    await checkAllRecords()
  })

  test("48: an unsafe task is not called again by a reset: it parks as unknown", async () => {
    await api.publish(saga("unsafe-saga", { effect: "unsafe" }))
    const id = `unsafe-${randomUUID().slice(0, 8)}`
    await api.start("unsafe-saga", id)
    started++
    const handle = client.workflow.getHandle(toWorkflowId("default", id))
    expect(await endOf(handle)).toMatchObject({ status: "success" })
    const { events } = await handle.fetchHistory()
    const first = (events ?? []).find((event) => event.workflowTaskCompletedEventAttributes)
    const { runId } = await handle.describe()
    const another = await reset({ workflowId: handle.workflowId, runId }, first?.eventId)
    const view = await until(
      () => askRun(() => another.handle.query<View>("state")),
      (found) => found.transaction.status === "blocked",
    )
    expect(view.tasks[3]).toMatchObject({ status: "parked", outcome: "unknown" })
    expect(await effectsOf(id)).toEqual(["order", "pay", "stock", "ship"])
    // A repeat has no effect of its own: the books know it by its key.
    expect((await ledger.deliveries(id)).filter(({ name }) => name === "ship")).toHaveLength(1)
    await checkAllRecords()
  })
})

function explainedBy(where: string): (cause: unknown) => never {
  return (cause) => {
    throw new Error(`${where}: ${toError(cause).message}`, { cause })
  }
}

/** With all that it was caused by: Temporal's own reason stands there. */
function describeError(thrown: unknown): string {
  const { name, message, cause } = toError(thrown)
  return cause === undefined ? `${name}: ${message}` : `${name}: ${message} (${describeError(cause)})`
}

async function typeOfEvent(handle: WorkflowHandle, eventId: number): Promise<string> {
  const { events } = await handle.fetchHistory()
  return proto.api.enums.v1.EventType[events?.[eventId - 1]?.eventType ?? 0] ?? "of no known type"
}
