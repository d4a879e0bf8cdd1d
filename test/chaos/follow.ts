/** Follows transactions until each of them has ended, with the help of a careful operator where one is there. */
import { setTimeout as sleep } from "node:timers/promises"
import { inspect } from "node:util"
import { expect } from "vitest"
import { QUERY_ROWS } from "../../src/contract/messages.ts"
import { toWorkflowId } from "../../src/contract/names.ts"
import type { EffectLedger } from "../helpers/effect-ledger.ts"
import { listEvents } from "./check-history.ts"
import { type RecordsPlace, withRecords } from "./check-records.ts"
import type { Cluster } from "./cluster.ts"

export interface View {
  status: string
  tasks: { task_id: string; status: string }[]
}

export interface Followed extends RecordsPlace {
  cluster: Cluster
  ids: readonly string[]
  withinMs: number
  /** What a transaction may be while it is followed, and how it may end. */
  may: { be: readonly string[]; end: readonly string[] }
  /** For what is parked. @returns the refusal, when it was refused. */
  decide?: (id: string, task: string) => Promise<string | undefined>
}

/**
 * @returns how each of them ended.
 * @throws when one is still open after `withinMs`: with how it stands, and what was refused last.
 */
export async function followToEnds(followed: Followed): Promise<Map<string, string>> {
  const { cluster, ids, withinMs, may } = followed
  const endings = new Map<string, string>()
  const deadline = Date.now() + withinMs
  let refused: string | undefined
  for (;;) {
    for (const id of ids) {
      if (endings.has(id)) continue
      const { status, tasks } = await read(cluster, id)
      expect([...may.be, ...may.end]).toContain(status)
      if (may.end.includes(status)) endings.set(id, status)
      else
        for (const task of tasks)
          if (task.status === "parked") refused = (await askOperator(followed, id, task.task_id)) ?? refused
    }
    if (endings.size === ids.length) return endings
    if (Date.now() > deadline) {
      const open = ids.filter((id) => !endings.has(id))
      const [first = ""] = open
      throw new Error(
        `still open: ${open.join(", ")}; refused last: ${refused}; ${first}: ${await howItStands(followed, first)}`,
      )
    }
    await sleep(250)
  }
}

/**
 * What a careful operator does: look into the target's books, then say what is known.
 * @param unsafe the tasks that may not be called again unless it is known that nothing happened.
 */
export function createOperator(
  cluster: Cluster,
  ledger: EffectLedger,
  unsafe: ReadonlySet<string>,
): (id: string, task: string) => Promise<string | undefined> {
  return async (id, task) => {
    const happened = (await ledger.deliveries(id)).some((one) => one.name === task && one.effect)
    const decision = !unsafe.has(task)
      ? { action: "retry" }
      : happened
        ? { action: "complete", attest: "executed", output: {} }
        : { action: "retry", attest: "not_executed" }
    const { status, body } = await cluster.call("POST", `/api/v1/transactions/${id}/decisions`, {
      ...decision,
      task,
      reason: "checked the books",
    })
    // Refusals are legal: the state may be older than the run.
    expect([200, 409]).toContain(status)
    return status === 409 ? `${id} ${task} ${decision.action}: ${JSON.stringify(body)}` : undefined
  }
}

async function askOperator(followed: Followed, id: string, task: string): Promise<string | undefined> {
  try {
    return await followed.decide?.(id, task)
  } catch (thrown) {
    throw new Error(`${id}: ${await howItStands(followed, id)}`, { cause: thrown })
  }
}

async function read(cluster: Cluster, id: string): Promise<View> {
  // Shaped by our own API, whose tests check it.
  return (await cluster.call("GET", `/api/v1/transactions/${id}`)).data as View
}

/** By the mirror, by the run itself, by Temporal and its history, and what the processes warned of. */
async function howItStands({ cluster, ...place }: Followed, id: string): Promise<string> {
  const seen = withRecords(place, async ({ client }) => {
    const handle = client.workflow.getHandle(toWorkflowId("default", id))
    const [described, history, asked] = await Promise.all([
      told(handle.describe().then(({ raw }) => raw)),
      told(handle.fetchHistory().then(({ events }) => listEvents(events))),
      told(handle.query(QUERY_ROWS)),
    ])
    return { described, history, asked }
  })
  const view = told(cluster.call("GET", `/api/v1/transactions/${id}?fresh=true`).then(({ body }) => body))
  const found = { mirror: await told(read(cluster, id)), view: await view, temporal: await told(seen) }
  return inspect({ ...found, said: cluster.said() }, { depth: null })
}

/** What could not be told is a finding too. */
async function told(found: Promise<unknown>): Promise<unknown> {
  return found.catch((thrown: unknown) => thrown)
}
