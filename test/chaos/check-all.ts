/**
 * What must hold of every transaction, whatever was done to it: judged from the books of the targets, Temporal's
 * histories and the records, not from what Holdfast says of itself.
 */
import type pg from "pg"
import { expect } from "vitest"
import { listAuditedDecisions } from "../../src/store/queries/list-audited-decisions.ts"
import { listMirroredTasks } from "../../src/store/queries/list-mirrored-tasks.ts"
import type { Delivery } from "../helpers/effect-ledger.ts"
import { checkHistory, type Story } from "./check-history.ts"
import { checkRecords, type RecordsPlace, withRecords } from "./check-records.ts"
import type { Injected } from "./harm.ts"

interface FlowTask {
  id: string
  depends_on?: string[]
  effect?: string
}

export interface Scene extends RecordsPlace {
  flow: { tasks: readonly FlowTask[] }
  /** The tasks whose targets' books are `deliveries`; an undo of `pay` is there as `pay-undo`. */
  inLedger: readonly string[]
  deliveries: readonly Delivery[]
  /** How every transaction that was started ended, by the API. */
  endings: ReadonlyMap<string, string>
  injected: Injected
  /** Since when nothing is harmed any more. */
  quietSince: number
}

const MIRROR_LAG_MS = 30_000

/** @returns the rows of the audit trail. */
export function checkAll(scene: Scene): Promise<number> {
  const { endings, injected, quietSince } = scene
  const ancestors = ancestorsOf(scene.flow.tasks)
  return withRecords(scene, async ({ client, pool }) => {
    const audited = await checkRecords(
      { client, pool },
      {
        transactions: endings.size,
        withinMs: Math.max(1_000, quietSince + MIRROR_LAG_MS - Date.now()),
      },
    )
    const { rows } = await pool.query<{ instance_id: string; status: string }>(
      "select instance_id, status from txn",
    )
    expect(new Map(rows.map(({ instance_id, status }) => [instance_id, status]))).toEqual(endings)
    const stories: Story[] = []
    const wrong: string[] = []
    const effects = new Set<unknown>()
    for (const [id, ending] of endings) {
      const story = await checkHistory(client, id)
      stories.push(story)
      const deliveries = scene.deliveries.filter(({ transaction }) => transaction === id)
      const found = [
        ...wrongOrder(story, ancestors),
        ...wrongBooks({ ...scene, deliveries, ending, story, ancestors }),
        ...(ending === "success" ? await wrongOutputs(pool, { id, inLedger: scene.inLedger, effects }) : []),
      ]
      wrong.push(...found.map((what) => `${id} (${ending}): ${what}`))
    }
    expect(wrong).toEqual([])
    for (const moment of [...injected.kills, ...injected.outages]) {
      const open = stories.filter(({ startedAt, endedAt }) => startedAt < moment && moment < endedAt)
      expect(open.length, "transactions that a kill or an outage met").toBeGreaterThan(0)
    }
    return audited
  })
}

type Ancestors = ReadonlyMap<string, ReadonlySet<string>>

/** All that a task stands on, directly or not. A flow's tasks come after those that they depend on. */
function ancestorsOf(tasks: readonly FlowTask[]): Ancestors {
  const ancestors = new Map<string, Set<string>>()
  for (const { id, depends_on = [] } of tasks)
    ancestors.set(id, new Set(depends_on.flatMap((one) => [one, ...(ancestors.get(one) ?? [])])))
  return ancestors
}

/** By Temporal: forward along the graph, backward against it, and nothing forward once it goes backward. */
function* wrongOrder({ calls, cancelled }: Story, ancestors: Ancestors): Generator<string> {
  const undos = [...calls].filter(([call]) => call.endsWith(":undo"))
  const turned = Math.min(
    cancelled ?? Number.POSITIVE_INFINITY,
    ...undos.map(([, { firstScheduled }]) => firstScheduled),
  )
  for (const [task, before] of ancestors) {
    const call = calls.get(task)
    if (call && call.firstScheduled > turned) yield `${task} was called after it had turned back`
    const undo = calls.get(`${task}:undo`)
    for (const ancestor of before) {
      const first = calls.get(ancestor)
      // Without an end of its own a person completed it.
      if (call && (first?.done ?? -1) > call.firstScheduled)
        yield `${task} was called before ${ancestor} was done`
      const last = calls.get(`${ancestor}:undo`)
      if (undo && last && !((undo.done ?? Number.POSITIVE_INFINITY) < last.firstScheduled))
        yield `${ancestor} was undone before ${task} was`
    }
  }
}

interface Books {
  flow: { tasks: readonly FlowTask[] }
  inLedger: readonly string[]
  /** Of this transaction. */
  deliveries: readonly Delivery[]
  ending: string
  story: Story
  ancestors: Ancestors
}

/** By the targets: one net effect or none as it ended, under one key, in order, and never again after it was done. */
function* wrongBooks({ flow, inLedger, deliveries, ending, story, ancestors }: Books): Generator<string> {
  const firstOf = (name: string) => deliveries.findIndex((one) => one.name === name)
  const effectOf = (name: string) => deliveries.findIndex((one) => one.name === name && one.effect)
  for (const { id: task, effect } of flow.tasks.filter(({ id }) => inLedger.includes(id))) {
    const mine = deliveries.filter(({ name }) => name === task)
    const done = mine.filter((one) => one.effect).length
    const undone = deliveries.filter((one) => one.name === `${task}-undo` && one.effect).length
    const isRight = ending === "success" ? done === 1 && undone === 0 : done <= 1 && done === undone
    if (!isRight) yield `${task} was done ${done}, undone ${undone} times`
    if (new Set(mine.map(({ key }) => key)).size > 1) yield `${task} was called under several keys`
    const { doneAt = Number.POSITIVE_INFINITY } = story.calls.get(task) ?? {}
    if (mine.some(({ at }) => at > doneAt)) yield `${task} came again after it was done`
    // Whether we heard of its effect or not.
    if (effect === "unsafe" && mine.slice(mine.findIndex((one) => one.effect) + 1).length > 0)
      yield `unsafe ${task} came again after its effect`
    for (const ancestor of ancestors.get(task) ?? []) {
      if (!inLedger.includes(ancestor)) continue
      const [cause, call] = [effectOf(ancestor), firstOf(task)]
      if (call !== -1 && (cause === -1 || cause > call)) yield `${task} came before ${ancestor} had happened`
      const [undo, last] = [effectOf(`${task}-undo`), firstOf(`${ancestor}-undo`)]
      if (undo !== -1 && last !== -1 && undo > last) yield `${ancestor}-undo came before ${task} was undone`
    }
  }
}

/** Each its own call's answer, but for what a person said that it is. */
async function wrongOutputs(
  pool: pg.Pool,
  { id, inLedger, effects }: { id: string; inLedger: readonly string[]; effects: Set<unknown> },
): Promise<string[]> {
  const key = { tenant: "default", transaction_id: id }
  const [tasks, decisions] = await Promise.all([
    listMirroredTasks(pool, key),
    listAuditedDecisions(pool, key),
  ])
  const isSaid = (path: string) =>
    decisions.some(({ action, task }) => action === "complete" && task === path)
  return inLedger.flatMap((task) => {
    if (isSaid(task)) return []
    // Checked below.
    const output = tasks.find(({ path }) => path === task)?.output as { id?: string; name?: string } | null
    const isOwn = output?.id !== undefined && output.name === task && !effects.has(output.id)
    effects.add(output?.id)
    return isOwn ? [] : [`the output of ${task} is ${JSON.stringify(output)}`]
  })
}
