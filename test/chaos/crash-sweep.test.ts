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
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { type LedgerNode, startLedgerNode } from "../helpers/ledger-node.ts"
import { until } from "../helpers/until.ts"

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
  let temporal: LedgerNode["temporal"]
  let ledger: LedgerNode["ledger"]
  let node: LedgerNode["node"]
  let api: LedgerNode["api"]
  let connection: Connection | undefined
  let client: Client

  beforeAll(async () => {
    product = await startLedgerNode()
    ;({ temporal, ledger, node, api } = product)
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
        const query = () => handle.query<View>("state")
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

  const EFFECTS = ["order", "pay", "pay-undo", "order-undo"]

  test("47: comes to the same end wherever the worker is killed", { timeout: 600_000 }, async () => {
    const first = await start()
    const expected = await endOf(first.handle)
    expect(expected).toMatchObject({ status: "compensated" })
    expect(await effectsOf(first.id)).toEqual(EFFECTS)
    const { historyLength } = await first.handle.describe()
    const kills: number[] = []
    for (let at = 2; at < historyLength; at += STRIDE) {
      const { id, handle } = await start()
      const { historyLength: length } = await until(
        () => handle.describe(),
        (found) => found.historyLength >= at,
        { everyMs: 2 },
      )
      await node.kill()
      kills.push(length)
      await node.start()
      const where = `kill ${kills.length} of ${id}, at event ${length} (${await typeOfEvent(handle, length)})`
      expect(await endOf(handle).catch(explainedBy(where)), where).toEqual(expected)
      expect(await effectsOf(id), where).toEqual(EFFECTS)
    }
    process.stdout.write(`  killed at events ${kills.join(", ")} of ${historyLength}\n`)
  })

  test("48: a reset to any workflow task adds no effect", { timeout: 600_000 }, async () => {
    const { id, handle } = await start()
    const expected = await endOf(handle)
    const { events } = await handle.fetchHistory()
    const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes)
    expect(tasks.length).toBeGreaterThan(5)
    const { runId } = await handle.describe()
    for (const event of tasks) {
      await client.workflowService.resetWorkflowExecution({
        namespace: temporal.namespace,
        workflowExecution: { workflowId: handle.workflowId, runId },
        workflowTaskFinishEventId: event.eventId ?? null,
        requestId: randomUUID(),
        reason: "test",
      })
      const end = (await endOf(client.workflow.getHandle(handle.workflowId))) as { status: string }
      expect(end.status, `reset to event ${String(event.eventId)}`).toBe("compensated")
      expect(await effectsOf(id), `reset to event ${String(event.eventId)}`).toEqual(EFFECTS)
    }
    expect(expected).toMatchObject({ status: "compensated" })
  })

  test("48: an unsafe task is not called again by a reset: it parks as unknown", async () => {
    await api.publish(saga("unsafe-saga", { effect: "unsafe" }))
    const id = `unsafe-${randomUUID().slice(0, 8)}`
    await api.start("unsafe-saga", id)
    const handle = client.workflow.getHandle(toWorkflowId("default", id))
    expect(await endOf(handle)).toMatchObject({ status: "success" })
    const { events } = await handle.fetchHistory()
    const first = (events ?? []).find((event) => event.workflowTaskCompletedEventAttributes)
    const { runId } = await handle.describe()
    await client.workflowService.resetWorkflowExecution({
      namespace: temporal.namespace,
      workflowExecution: { workflowId: handle.workflowId, runId },
      workflowTaskFinishEventId: first?.eventId ?? null,
      requestId: randomUUID(),
      reason: "test",
    })
    const view = await until(
      () => client.workflow.getHandle(handle.workflowId).query<View>("state"),
      (found) => found.transaction.status === "blocked",
    )
    expect(view.tasks[3]).toMatchObject({ status: "parked", outcome: "unknown" })
    expect(await effectsOf(id)).toEqual(["order", "pay", "stock", "ship"])
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
