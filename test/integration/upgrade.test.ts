/**
 * Transactions that an older build began, and that a newer one goes on with: first only the old worker, then both
 * side by side, then only the new one. `builds/` keeps the bundle of a commit; after a change of behaviour behind a
 * flag it is what the flag is for, and before the first release it is replaced in the commit that breaks it.
 */
import { randomUUID } from "node:crypto"
import { readFile } from "node:fs/promises"
import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, expect, test } from "vitest"
import { toWorkflowId } from "../../src/contract/names.ts"
import { type EffectLedger, type Fault, startEffectLedger } from "../helpers/effect-ledger.ts"
import { isBlocked, task } from "../helpers/ledger-task.ts"
import {
  type History,
  type Run,
  startWorkflowRig,
  type WorkflowRig,
  workflowTaskFailures,
} from "../helpers/workflow-rig.ts"

const OLD_BUILD = new URL("builds/06d5584.js.gz", import.meta.url)
const OPEN = 50

let ledger: EffectLedger
let old: WorkflowRig | undefined
let current: WorkflowRig | undefined
beforeAll(async () => {
  ledger = await startEffectLedger()
  const code = gunzipSync(await readFile(OLD_BUILD)).toString("utf8")
  // No cache: whichever worker gets a workflow task replays what the other one did.
  old = await startWorkflowRig({ ...rigOptions(), workflowBundle: { code } })
})
afterAll(async () => {
  await old?.stop()
  await current?.stop()
  await ledger.stop()
})

function rigOptions() {
  const connections = [
    { name: "ledger", kind: "http" as const, base_url: ledger.url, profile: "plain" as const },
  ]
  return { connections, maxCachedWorkflows: 0 }
}

const FLOW = {
  tasks: [
    task({ id: "gift", when: "${ params.gift }" }),
    task({ id: "pay", depends_on: ["gift"] }),
    task({ id: "reserve", depends_on: ["gift"] }),
    task({ id: "ship", depends_on: ["pay", "reserve"] }),
    task({ id: "note", depends_on: ["ship"], on_error: "continue" }),
  ],
}

const continuesAsNew = (at: number) => at % 3 === 0

/** Each transaction stops twice: at `pay` under the old build, at `ship` under whichever gets there. */
async function begin(rig: WorkflowRig, at: number): Promise<string> {
  const instanceId = randomUUID()
  const faults: Record<string, Fault[]> = { pay: ["refuse"], ship: ["refuse"], note: ["refuse"] }
  for (const [id, script] of Object.entries(faults)) await ledger.misbehave(id, script, instanceId)
  // Some continue as new on the way, and so begin a run in the new build from the old one's memory.
  const thresholds = continuesAsNew(at) ? { quiet_events: 15, hold_events: 200 } : {}
  // What the old build's API would have written: the flags of this one it refuses.
  await rig.start(FLOW, { gift: at % 2 === 0 }, { instanceId, thresholds, flags: [] })
  return instanceId
}

/** The latest of its chain, whichever worker has it. */
const runOf = (rig: WorkflowRig, instanceId: string): Run =>
  rig.runOf(rig.client.workflow.getHandle(toWorkflowId("default", instanceId)), instanceId)

/** Of every run of its chain, the latest first. */
async function historiesOf({ client }: WorkflowRig, { handle }: Run): Promise<History[]> {
  const histories: History[] = []
  let runId: string | undefined
  do {
    const history = await client.workflow.getHandle(handle.workflowId, runId).fetchHistory()
    histories.push(history)
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes
    runId = started?.continuedExecutionRunId || undefined
  } while (runId !== undefined)
  return histories
}

const parkedAt = (id: string) => (view: Parameters<typeof isBlocked>[0]) =>
  isBlocked(view) && view.tasks.some(({ path, status }) => path === id && status === "parked")

test("49: 50 open transactions live through a change of build", { timeout: 240_000 }, async () => {
  const before = old
  if (!before) throw new Error("the old build was not started")
  const ids = await Promise.all(Array.from({ length: OPEN }, (_, at) => begin(before, at)))
  for (const id of ids) await runOf(before, id).reaches(parkedAt("pay"))

  const rig = await startWorkflowRig({ ...rigOptions(), temporal: before.temporal })
  current = rig
  const runs = ids.map((id) => runOf(rig, id))
  const [now, later] = [runs.slice(0, OPEN / 2), runs.slice(OPEN / 2)]
  // Side by side: what one of them began the other goes on with.
  await Promise.all(now.map((run) => run.decide({ action: "retry", task: "pay" })))
  for (const run of now) await run.reaches(parkedAt("ship"))
  old = undefined
  await before.stop()
  await Promise.all(
    later.map((run) => run.handle.signal("retry", { task: "pay", reason: "after the change" })),
  )
  for (const run of later) await run.reaches(parkedAt("ship"))
  for (const run of runs) await run.decide({ action: "retry", task: "ship" })
  const results = await Promise.all(runs.map((run) => run.handle.result()))
  expect(results.map((result: { status: string }) => result.status)).toEqual(runs.map(() => "success"))

  const builds = new Set<string>()
  for (const [at, run] of runs.entries()) {
    const done = (await ledger.deliveries(run.instanceId)).filter(({ effect }) => effect)
    const wanted = at % 2 === 0 ? ["gift", "pay", "reserve", "ship"] : ["pay", "reserve", "ship"]
    expect(done.map(({ name }) => name).toSorted()).toEqual(wanted)
    const histories = await historiesOf(rig, run)
    expect(histories.length > 1).toBe(continuesAsNew(at))
    for (const history of histories) {
      expect(workflowTaskFailures(history)).toEqual([])
      for (const event of history.events ?? [])
        builds.add(event.workflowTaskCompletedEventAttributes?.workerVersion?.buildId ?? "")
    }
  }
  builds.delete("")
  expect(builds.size).toBe(2)
})
