/** Behaviours of flows and people on a real worker and a real target, one each, kept for the replay corpus. */
import { randomUUID } from "node:crypto"
import type { Pool } from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Thresholds } from "../../src/contract/messages.ts"
import type { View } from "../../src/contract/rows.ts"
import { createOutputStore } from "../../src/store/output-store.ts"
import { createPool } from "../../src/store/pool.ts"
import { createTestDatabase, type TestDatabase } from "./database.ts"
import { type EffectLedger, type Fault, startEffectLedger } from "./effect-ledger.ts"
import { statusesOf } from "./ledger-task.ts"
import { recordHistory } from "./record-history.ts"
import { type Run, startWorkflowRig, type WorkflowRig } from "./workflow-rig.ts"

export interface Behaviour {
  name: string
  /** The numbered scenario that it shows. */
  scenario?: number
  flow: { tasks: object[]; [field: string]: unknown }
  params?: object
  /** What the calls of a task meet, in order. */
  faults?: Record<string, Fault[]>
  thresholds?: Partial<Thresholds>
  packed?: boolean
  /** What a person does. */
  steps?: (run: Run) => Promise<unknown>
  ends: string
  tasks: Record<string, string>
  /** Names of the calls that had an effect, in order. */
  effects: string[]
  sees?: (view: View) => void
}

export function describeBehaviours(behaviours: readonly Behaviour[]): void {
  describe("behaviours", () => {
    let ledger: EffectLedger
    let rig: WorkflowRig
    let database: TestDatabase
    let pool: Pool
    beforeAll(async () => {
      ledger = await startEffectLedger()
      database = await createTestDatabase()
      pool = createPool({ url: database.url })
      rig = await startWorkflowRig({
        outputs: createOutputStore(pool),
        connections: [{ name: "ledger", kind: "http", base_url: ledger.url, profile: "plain" }],
      })
    })
    afterAll(async () => {
      await rig.stop()
      await pool.end()
      await database.drop()
      await ledger.stop()
    })

    const titled = behaviours.map((behaviour) => ({ title: titleOf(behaviour), ...behaviour }))
    test.each(titled)("$title", async (behaviour) => {
      const { flow, params = {}, faults = {}, thresholds, packed = false, steps, ends, effects } = behaviour
      const instanceId = randomUUID()
      for (const [id, script] of Object.entries(faults)) await ledger.misbehave(id, script, instanceId)
      const options = { instanceId, packed, ...(thresholds === undefined ? {} : { thresholds }) }
      const started = await rig.start(flow, params, options)
      const run = rig.runOf(rig.client.workflow.getHandle(started.handle.workflowId), instanceId)
      await steps?.(run)
      // How it closes is Temporal's business here; what it came to is in the view.
      await run.handle.result().catch(() => undefined)
      const view = await run.view()
      expect({ ends: view.transaction.status, tasks: statusesOf(view) }).toEqual({
        ends,
        tasks: behaviour.tasks,
      })
      const done = (await ledger.deliveries(instanceId)).filter(({ effect }) => effect)
      const names = done.map(({ name }) => name)
      // What runs side by side comes in any order.
      if (flow.policy === undefined) expect(names.toSorted()).toEqual(effects.toSorted())
      else expect(names).toEqual(effects)
      behaviour.sees?.(view)
      await recordHistory(run, behaviour.name)
    })
  })
}

function titleOf({ name, scenario }: Behaviour): string {
  return scenario === undefined ? name : `${scenario}: ${name}`
}
