import { describe, expect, test } from "vitest"
import { exceptionRow, taskRow, transactionRow } from "../../../test/helpers/mirror-rows.ts"
import type { View } from "../../contract/rows.ts"
import { findDifferences } from "./differences.ts"
import type { StoredMirror } from "./read-mirror.ts"

function stored(rows: Partial<Pick<View, "transaction" | "tasks" | "exceptions">> = {}): StoredMirror {
  return {
    transaction: {
      tenant: "default",
      transaction_id: "order_1",
      workflow_id: "default/order_1",
      flow_name: "order",
      run_id: "run-1",
      resets: 0,
      reset_run: null,
      chain: 0,
      seq: 0,
      is_dispatched: true,
      is_confirmed: false,
      updated_at: new Date(),
      read_at: new Date(),
      row_version: "1",
      row: rows.transaction ?? transactionRow(),
    },
    tasks: rows.tasks ?? [],
    exceptions: rows.exceptions ?? [],
  }
}

function expected(rows: Partial<Pick<View, "transaction" | "tasks" | "exceptions">> = {}) {
  return { transaction: transactionRow(), tasks: [], exceptions: [], ...rows }
}

describe("findDifferences()", () => {
  test("finds none between equal rows", () => {
    const rows = {
      transaction: transactionRow({ output: { a: [1, null] } }),
      tasks: [taskRow({ input: { b: 2 } })],
    }
    expect(findDifferences(expected(rows), stored(structuredClone(rows)))).toEqual([])
  })

  test("names entity, key and field of each difference", () => {
    const found = findDifferences(
      expected({ transaction: transactionRow({ version: 3 }), tasks: [taskRow({ status: "parked" })] }),
      stored({ tasks: [taskRow()] }),
    )
    expect(found).toEqual([
      { entity: "transaction", key: "", field: "version", mirror: 0, temporal: 3 },
      { entity: "task", key: "pay", field: "status", mirror: "running", temporal: "parked" },
    ])
  })

  test("does not miss a pending task, but any other", () => {
    const tasks = [taskRow({ path: "a", status: "pending" }), taskRow({ path: "b" })]
    expect(findDifferences(expected({ tasks }), stored()).map(({ key }) => key)).toEqual(["b"])
  })

  test("finds a task that the workflow does not have", () => {
    expect(findDifferences(expected(), stored({ tasks: [taskRow()] }))).toEqual([
      { entity: "task", key: "pay", field: "status", mirror: "running", temporal: null },
    ])
  })

  test("passes over payloads that the workflow has dropped, not over others", () => {
    const mirror = stored({ tasks: [taskRow({ input: 1, output: 2 })] })
    expect(findDifferences(expected({ tasks: [taskRow({ output_dropped: true })] }), mirror)).toEqual([])
    expect(findDifferences(expected({ tasks: [taskRow()] }), mirror).map(({ field }) => field)).toEqual([
      "output",
    ])
    expect(findDifferences(expected({ tasks: [taskRow({ input: 3, output: 2 })] }), mirror)).toHaveLength(1)
  })

  test("finds an open exception that the workflow has closed or forgotten, and no closed one", () => {
    const open = exceptionRow({ generation: 1 })
    const closed = exceptionRow({ generation: 2, state: "resolved" })
    expect(findDifferences(expected(), stored({ exceptions: [open, closed] })).map(({ key }) => key)).toEqual(
      ["pay do 1"],
    )
  })

  test("compares text and JSON as Postgres gives them back", () => {
    const transaction = transactionRow({
      output: { zero: -0, gone: undefined },
      error: { code: "c", class: "unknown", message: "m", task: null },
    })
    const task = taskRow({ reason: "a\0b" })
    const mirror = stored({
      transaction: { ...transaction, output: { zero: 0 } },
      tasks: [{ ...task, reason: "a\uFFFDb" }],
    })
    expect(findDifferences(expected({ transaction, tasks: [task] }), mirror)).toEqual([])
  })
})
