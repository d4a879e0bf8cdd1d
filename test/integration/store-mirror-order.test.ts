import fc from "fast-check"
import type { Pool } from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { ExceptionRow, MirrorChange, TaskRow } from "../../src/contract/rows.ts"
import { readMirror } from "../../src/store/mirror/read-mirror.ts"
import { createMirrorWriter, type MirrorWriter } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { reopenTransaction } from "../../src/store/queries/reopen-transaction.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { exceptionRow, mirrorChange, taskRow, transactionRow } from "../helpers/mirror-rows.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"

const PATHS = ["a", "b", "c"] as const
const RUNS = 150

let database: TestDatabase
let pool: Pool
let writers: [MirrorWriter, MirrorWriter]

beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({ url: database.url })
  const logger = createListeningLogger()
  // They write when they are told to, one at a time: what fails can be repeated.
  const open = () => createMirrorWriter({ pool, logger, flushMs: 600_000 })
  writers = [open(), open()]
})

afterAll(async () => {
  for (const writer of writers) await writer.close()
  await pool.end()
  await database.drop()
})

/** One step of a workflow: what it does to which task. A `reset` goes back to before the first step. */
interface Step {
  path: (typeof PATHS)[number]
  what: "run" | "succeed" | "park" | "retry" | "continue_as_new" | "reset"
  /** How often, and to which writers, its change is delivered; never means that it is lost. */
  deliveries: { writer: 0 | 1; delay: number }[]
}

interface Workflow {
  tasks: Map<string, TaskRow>
  exceptions: Map<string, ExceptionRow>
  version: number
  run: string
  reset_run: string | undefined
  chain: number
  history_length: number
}

const begin = (): Workflow => ({
  tasks: new Map(),
  exceptions: new Map(),
  version: 0,
  run: "run-0",
  reset_run: undefined,
  chain: 0,
  history_length: 3,
})

/** @returns the workflow after the step, and the rows that the step made dirty. */
function advance(workflow: Workflow, { path, what }: Step): { tasks: TaskRow[]; exceptions: ExceptionRow[] } {
  workflow.version++
  workflow.history_length += 4
  const generation = workflow.tasks.get(path)?.generation ?? 1
  const exception = workflow.exceptions.get(path)
  const setTask = (row: Partial<TaskRow>) => {
    const whole = taskRow({
      path,
      index: PATHS.indexOf(path),
      generation,
      input: `in ${path} ${generation}`,
      ...row,
    })
    workflow.tasks.set(path, whole)
    return whole
  }
  const setException = (row: ExceptionRow) => {
    workflow.exceptions.set(path, row)
    return [row]
  }
  const resolve = () => (exception?.state === "open" ? setException({ ...exception, state: "resolved" }) : [])
  switch (what) {
    case "run":
      return { tasks: [setTask({ status: "running" })], exceptions: [] }
    case "succeed":
      return {
        tasks: [setTask({ status: "success", output: `out ${path} ${generation}` })],
        exceptions: resolve(),
      }
    case "park":
      return {
        tasks: [setTask({ status: "parked" })],
        exceptions: setException(exceptionRow({ task: path, generation })),
      }
    case "retry":
      return {
        tasks: [
          setTask({ status: "running", generation: generation + 1, input: `in ${path} ${generation + 1}` }),
        ],
        exceptions: resolve(),
      }
    case "continue_as_new":
      workflow.chain++
      workflow.run = `run-${workflow.reset_run ?? ""}-${workflow.chain}`
      workflow.history_length = 3
      for (const [name, row] of workflow.tasks) {
        const dropped = row.output !== null || row.output_dropped
        workflow.tasks.set(name, { ...row, input: null, output: null, output_dropped: dropped })
      }
      return { tasks: [...workflow.tasks.values()], exceptions: [] }
    case "reset":
      // Resets in a row are numbered as they are first seen, so that only one of them is free of order.
      if (workflow.reset_run !== undefined) return { tasks: [], exceptions: [] }
      Object.assign(workflow, { ...begin(), run: "run-reset", reset_run: "run-reset" })
      return { tasks: [], exceptions: [] }
  }
}

function toChange(
  workflow: Workflow,
  rows: Pick<MirrorChange, "tasks" | "exceptions" | "complete">,
): MirrorChange {
  const { run, reset_run, chain, history_length, version } = workflow
  return mirrorChange({
    ...rows,
    run_id: run,
    ...(reset_run === undefined ? {} : { reset_run }),
    chain,
    history_length,
    transaction: transactionRow({ version }),
  })
}

const step: fc.Arbitrary<Step> = fc.record({
  path: fc.constantFrom(...PATHS),
  what: fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom("run" as const, "succeed" as const, "park" as const, "retry" as const),
    },
    { weight: 1, arbitrary: fc.constantFrom("continue_as_new" as const, "reset" as const) },
  ),
  deliveries: fc.array(fc.record({ writer: fc.constantFrom(0 as const, 1 as const), delay: fc.nat(30) }), {
    maxLength: 3,
  }),
})

describe("the mirror's order", () => {
  test(`converges to the newest state: ${RUNS} runs of losses, repeats and reorderings, then a complete change`, async () => {
    let count = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 15 }),
        fc.nat(30),
        async (steps, completeAt) => {
          const transaction_id = `order_${count++}`
          await insertStoredTransaction(pool, { instanceId: transaction_id })
          const workflow = begin()
          const posts: { at: number; writer: 0 | 1; change: MirrorChange }[] = []
          steps.forEach((one, position) => {
            const rows = advance(workflow, one)
            const change = { ...toChange(workflow, { ...rows, complete: false }), transaction_id }
            for (const { writer, delay } of one.deliveries)
              posts.push({ at: position + delay, writer, change })
          })
          workflow.history_length += 4
          const last = toChange(workflow, {
            tasks: [...workflow.tasks.values()],
            exceptions: [...workflow.exceptions.values()],
            complete: true,
          })
          posts.push({ at: completeAt, writer: 0, change: { ...last, transaction_id } })
          posts.sort((one, other) => one.at - other.at)
          for (const [position, { writer, change }] of posts.entries()) {
            writers[writer].push(change)
            if (position % 3 === 0) await writers[writer].flush()
          }
          for (const writer of writers) await writer.flush()
          await expectMirror(
            transaction_id,
            workflow,
            posts.map(({ change }) => change),
          )
        },
      ),
      { numRuns: RUNS },
    )
  })
})

async function expectMirror(
  transaction_id: string,
  workflow: Workflow,
  delivered: MirrorChange[],
): Promise<void> {
  const stored = await readMirror(pool, { tenant: "default", transaction_id })
  expect(stored?.transaction.row.version).toBe(workflow.version)
  expect(stored?.transaction.run_id).toBe(workflow.run)
  const tasks = new Map(stored?.tasks.map((row) => [row.path, row]))
  expect([...tasks.keys()].toSorted()).toEqual([...workflow.tasks.keys()].toSorted())
  for (const [path, expected] of workflow.tasks) {
    const { input, output, output_dropped: _, ...state } = expected
    expect(tasks.get(path)).toMatchObject(state)
    const copies = delivered
      .flatMap((change) => change.tasks)
      .filter((row) => row.path === path && row.generation === expected.generation)
    // The mirror may be the only one that still has a dropped payload: then it must not lose it.
    if (input !== null) expect(tasks.get(path)?.input).toBe(input)
    else if (workflow.reset_run === undefined)
      expect(tasks.get(path)?.input).toBe(copies.find((row) => row.input !== null)?.input ?? null)
    if (output !== null) expect(tasks.get(path)?.output).toBe(output)
    else if (expected.output_dropped && workflow.reset_run === undefined) {
      const known = copies.find((row) => row.output !== null)?.output ?? null
      expect(tasks.get(path)?.output).toBe(known)
    }
  }
  const isOpen = ({ state }: ExceptionRow) => state === "open"
  const names = (rows: Iterable<ExceptionRow>) =>
    [...rows].filter(isOpen).map(({ task, generation }) => `${task ?? ""} ${generation}`)
  expect(names(stored?.exceptions ?? []).toSorted()).toEqual(names(workflow.exceptions.values()).toSorted())
}

describe("reopenTransaction()", () => {
  const stored = async (instanceId: string) => {
    const found = await readMirror(pool, { tenant: "default", transaction_id: instanceId })
    return [found?.transaction.row.status, found?.transaction.run_id]
  }
  const tell = async (transaction_id: string, change: Partial<MirrorChange>) => {
    writers[0].push(mirrorChange({ transaction_id, workflow_id: `default/${transaction_id}`, ...change }))
    await writers[0].flush()
  }
  const reopen = (instance_id: string, at: { resets: number; chain: number }) =>
    reopenTransaction(pool, { tenant: "default", instance_id, failed_run: "run-2", new_run: "run-3", ...at })
  const failed = { transaction: transactionRow({ status: "failed" }) }

  test("holds also where the mirror has not heard of the run that failed", async () => {
    await insertStoredTransaction(pool, { instanceId: "behind" })
    await tell("behind", { ...failed, run_id: "run-1", original_run_id: "run-1" })
    await reopen("behind", { resets: 0, chain: 2 })
    expect(await stored("behind")).toEqual(["running", "run-3"])
    // Told late, the failed run's end is older.
    await tell("behind", {
      ...failed,
      run_id: "run-2",
      original_run_id: "run-2",
      chain: 1,
      history_length: 90,
    })
    expect(await stored("behind")).toEqual(["running", "run-3"])
  })

  test("holds where the run that failed comes from a reset", async () => {
    await insertStoredTransaction(pool, { instanceId: "reset" })
    await tell("reset", { ...failed, run_id: "run-1", original_run_id: "run-1", chain: 4 })
    await reopen("reset", { resets: 1, chain: 1 })
    expect(await stored("reset")).toEqual(["running", "run-3"])
  })

  test("changes nothing once rows of the new run are there", async () => {
    await insertStoredTransaction(pool, { instanceId: "ahead" })
    await tell("ahead", { ...failed, run_id: "run-3", original_run_id: "run-3", chain: 2 })
    await reopen("ahead", { resets: 0, chain: 2 })
    expect(await stored("ahead")).toEqual(["failed", "run-3"])
  })
})
