/**
 * A question may reach a worker together with what has happened since the run's last workflow task, where that task's
 * next one waits for a worker that is gone. What it makes of the run must be what every later replay makes of it.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { Context } from "@temporalio/activity"
import { Client, QueryNotRegisteredError, type WorkflowHandle } from "@temporalio/client"
import { NativeConnection, Worker } from "@temporalio/worker"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createStopList } from "../../src/app/stop-list.ts"
import { CURRENT_FLAGS } from "../../src/contract/flags.ts"
import { DEFAULT_THRESHOLDS, type StartInput, TASK_QUEUE } from "../../src/contract/messages.ts"
import type { View } from "../../src/contract/rows.ts"
import { planHash } from "../../src/flow/plan-bytes.ts"
import { builtWorkflowBundle } from "../../src/worker/bundle.ts"
import { createHoldfastWorker, toWorkerOptions } from "../../src/worker/create-worker.ts"
import { createIsTaken } from "../../src/worker/sandbox/taken-events.ts"
import { askView } from "../../src/worker/sweeper/observe.ts"
import { statusesOf } from "../helpers/ledger-task.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"
import { openTcpGate } from "../helpers/tcp-gate.ts"
import { testTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"
import { compile } from "../helpers/workflow-rig.ts"

/** For which a question, and a workflow task, waits for a worker that is gone. */
const GONE_MS = 4_000
const call = (id: string, depends_on: string[] = []) => ({
  id,
  task_name: "http",
  depends_on,
  config: { connection: "target", url: `/${id}` },
})
/** `late` is the first in the definition, and the last to be done. */
const PLAN = compile(
  { tasks: [call("late"), call("early"), call("after_late", ["late"]), call("after_early", ["early"])] },
  [{ name: "target", kind: "http", base_url: "http://127.0.0.1:1", profile: "plain" }],
)

const stops = createStopList()
afterAll(stops.stop)

let namespace: string
let connection: NativeConnection
let client: Client
/** The calls that are open, and how each of them is answered. */
const calls = new Map<string, () => void>()
const nameCall = ({ workflowId }: { workflowId: string }, id: string) => `${workflowId}/${id}`

beforeAll(async () => {
  quietTemporal()
  const temporal = await testTemporal()
  ;({ namespace } = temporal)
  connection = await NativeConnection.connect({ address: temporal.address })
  stops.add("the connection", () => connection.close())
  client = new Client({ connection, namespace })
  const http = ({ config }: { config: { url: string } }) => {
    const { workflowExecution } = Context.current().info
    if (workflowExecution === undefined) throw new Error("a call is made by a run")
    const name = nameCall(workflowExecution, config.url.slice(1))
    return new Promise((resolve) => calls.set(name, () => resolve({ output: { url: config.url } })))
  }
  await run(await createHoldfastWorker({ connection, namespace, activities: { http } }), "the calls")

  const { hostname, port } = new URL(`http://${temporal.address}`)
  const gate = await openTcpGate({ host: hostname, port: Number(port) })
  stops.add("the gate", () => gate.close())
  const lost = await NativeConnection.connect({ address: `127.0.0.1:${gate.port}` })
  stops.add("the lost connection", () => lost.close())
  await run(
    await Worker.create({
      ...toWorkerOptions({ connection: lost, namespace, mirror, shutdownGraceMs: 0 }),
      stickyQueueScheduleToStartTimeout: GONE_MS,
    }),
    "the lost worker",
  )
  await Promise.all(["asked", "patient", "ended"].map(start))
  await until(
    () => calls.size,
    (open) => open === 6,
  )
  gate.shut()
  // Nobody takes it any more.
  answer(runOf("ended"), "early")
  await until(
    () => runOf("ended").fetchHistory(),
    ({ events }) => events?.some((event) => event.activityTaskCompletedEventAttributes) ?? false,
  )
  await runOf("ended").terminate()
  await run(await createHoldfastWorker({ connection, namespace, mirror }), "the next worker")
  stops.add("the open calls", () => {
    for (const settle of calls.values()) settle()
  })
})

const mirror = { push: () => {} }

async function run(worker: { run(): Promise<void>; shutdown(): void }, name: string): Promise<void> {
  const running = worker.run()
  stops.add(name, () => {
    worker.shutdown()
    return running
  })
}

function start(id: string) {
  const input: StartInput = {
    plan: PLAN,
    plan_hash: planHash(PLAN),
    params: {},
    tenant: "default",
    transaction: id,
    flags: [...CURRENT_FLAGS],
    thresholds: DEFAULT_THRESHOLDS,
  }
  return client.workflow.start("asked", {
    workflowId: `default/${id}`,
    taskQueue: TASK_QUEUE,
    args: [input],
  })
}

const runOf = (id: string) => client.workflow.getHandle(`default/${id}`)

function answer(of: { workflowId: string }, id: string): void {
  const name = nameCall(of, id)
  const settle = calls.get(name)
  if (settle === undefined) throw new Error(`${name} is not open`)
  calls.delete(name)
  settle()
}

test("a question that came with news is refused, and what it brought is taken with its workflow task", async () => {
  const asked = runOf("asked")
  const patient = runOf("patient")
  const question = asked.query<View>("state")
  const second = view(patient, null)
  await sleep(GONE_MS / 2)
  for (const run of [asked, patient]) answer(run, "early")
  await expect(question).rejects.toThrow(QueryNotRegisteredError)
  const { events } = await asked.fetchHistory()
  const tasks = events?.filter((event) => event.workflowTaskStartedEventAttributes)
  expect(tasks, "the question came before the workflow task").toHaveLength(1)
  const isTaken = createIsTaken(connection, namespace)
  const { runId, workflowId } = await asked.describe()
  const [first] = tasks ?? []
  expect(await isTaken({ workflowId, runId }, Number(first?.eventId))).toBe(true)
  expect(await isTaken({ workflowId, runId }, events?.length ?? 0)).toBe(false)
  // The same workflow task takes both: those who replay it find them together.
  answer(asked, "late")

  // Its next workflow task brings nothing beside what the question had brought.
  expect(await second).toMatchObject({ early: "success", after_early: "running", late: "running" })
  for (const run of [asked, patient]) {
    await take(run, "after_early")
    if (run === patient) answer(run, "late")
    await take(run, "after_late")
    await run.result()
    const history = await run.fetchHistory()
    await Worker.runReplayHistory({ workflowBundle: builtWorkflowBundle() }, history)
    const calledAt = new Map(
      history.events?.flatMap(({ eventId, activityTaskScheduledEventAttributes: call }) =>
        call ? [[call.activityId, Number(eventId)]] : [],
      ),
    )
    const [early, late] = [calledAt.get("after_early"), calledAt.get("after_late")]
    // What one activation makes ready begins in the order of the definition.
    expect(Number(late) < Number(early)).toBe(run === asked)
  }
})

test("a run that is over is asked with all that came to it", async () => {
  expect(await view(runOf("ended"), Date.now())).toMatchObject({ early: "success", late: "running" })
})

async function view(run: WorkflowHandle, closed_at: number | null): Promise<Record<string, string>> {
  const { runId } = await run.describe()
  const place = { workflow_id: run.workflowId, run_id: runId, closed_at }
  const found = await askView(client, { ...place, history_length: 0, started_at: 0 })
  if (found.kind !== "view") throw found.error
  return statusesOf(found.view)
}

async function take(run: WorkflowHandle, id: string): Promise<void> {
  await until(
    () => calls.has(nameCall(run, id)),
    (isOpen) => isOpen,
    { timeoutMs: 20_000 },
  )
  answer(run, id)
}
