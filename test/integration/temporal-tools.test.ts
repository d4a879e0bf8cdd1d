/** Temporal's own command line reads a parked order and repairs it, without Holdfast's help. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { getServers } from "../helpers/servers.ts"
import { findTemporalCli } from "../helpers/temporal-cli.ts"
import { until } from "../helpers/until.ts"
import { type Run, startWorkflowRig, type WorkflowRig } from "../helpers/workflow-rig.ts"

const execute = promisify(execFile)
const task = (id: string, depends_on: string[] = []) => ({
  id,
  task_name: "http",
  depends_on,
  effect: "keyed",
  retry: { strategy: "manual" },
  config: { connection: "ledger", url: `/do/${id}` },
})
const ORDER = {
  name: "order",
  tasks: [
    { ...task("pay"), description: "Charge the card" },
    { ...task("reserve"), description: "Reserve stock" },
    { ...task("ship", ["pay", "reserve"]), description: "Book the parcel" },
  ],
}

let ledger: EffectLedger
let rig: WorkflowRig
let run: Run
beforeAll(async () => {
  ledger = await startEffectLedger()
  rig = await startWorkflowRig({
    connections: [{ name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" }],
  })
  await ledger.misbehave("ship", ["unavailable"], "order-7")
  run = await rig.start(ORDER, {}, { instanceId: "order-7" })
  await run.reaches((view) => view.transaction.status === "blocked")
})
afterAll(async () => {
  await rig.stop()
  await ledger.stop()
})

async function temporal(...words: string[]): Promise<string> {
  const { temporalAddress } = await getServers()
  const { stdout } = await execute(await findTemporalCli(), [
    ...words,
    "--address",
    temporalAddress,
    "--namespace",
    rig.namespace,
  ])
  return stdout
}

describe("temporal workflow", () => {
  test("list shows the order under its flow's name and the caller's id", async () => {
    // Visibility follows the workflow.
    await until(
      () => temporal("workflow", "list", "--query", "WorkflowType = 'order'"),
      (listed) => /Running\s+default\/order-7\s+order/.test(listed),
    )
  })

  test("show reads like the flow: activities by task id, with the flow's own words", async () => {
    const shown = JSON.parse(
      await temporal("workflow", "show", "--workflow-id", "default/order-7", "--output", "json"),
    ) as {
      events: {
        activityTaskScheduledEventAttributes?: { activityId: string }
        userMetadata?: { summary?: { data: string } }
      }[]
    }
    const scheduled = shown.events.filter((event) => event.activityTaskScheduledEventAttributes)
    expect(scheduled.map((event) => event.activityTaskScheduledEventAttributes?.activityId)).toEqual([
      "pay",
      "reserve",
      "ship",
    ])
    expect(
      scheduled.map(({ userMetadata }) =>
        Buffer.from(userMetadata?.summary?.data ?? "", "base64").toString(),
      ),
    ).toEqual(['"Charge the card"', '"Reserve stock"', '"Book the parcel"'])
  })

  test("query answers the state", async () => {
    const answered = await temporal(
      "workflow",
      "query",
      "--workflow-id",
      "default/order-7",
      "--type",
      "state",
      "--output",
      "json",
    )
    expect(answered).toContain('"parked"')
  })

  test("an update that is refused says why, and one needs no more than a person would write", async () => {
    const update = (input: string) =>
      temporal(
        "workflow",
        "update",
        "execute",
        "--workflow-id",
        "default/order-7",
        "--name",
        "decide",
        "--input",
        input,
      )
    await expect(update('{"action":"skip","task":"ghost"}')).rejects.toThrow(
      "The flow has no task of this name.",
    )
    await expect(update('"retry"')).rejects.toThrow("A decision is an object such as")
  })

  test("a signal that changed nothing says so where its sender looks", async () => {
    await temporal(
      "workflow",
      "signal",
      "--workflow-id",
      "default/order-7",
      "--name",
      "retry",
      "--input",
      '{"task":"ghost"}',
    )
    await run.reaches(({ transaction }) => transaction.ignored_messages === 1)
    const described = await temporal("workflow", "metadata", "--workflow-id", "default/order-7")
    expect(described).toContain("retry was refused: The flow has no task of this name.")
  })

  test("signal retry repairs it", async () => {
    await temporal(
      "workflow",
      "signal",
      "--workflow-id",
      "default/order-7",
      "--name",
      "retry",
      "--input",
      '{"task":"ship","reason":"carrier is back"}',
    )
    expect(await run.handle.result()).toMatchObject({ status: "success" })
    expect((await run.view()).decisions).toMatchObject([
      { action: "retry", task: "ship", actor: "temporal", reason: "carrier is back" },
    ])
    expect((await ledger.deliveries("order-7")).filter(({ name }) => name === "ship")).toHaveLength(2)
  })
})
