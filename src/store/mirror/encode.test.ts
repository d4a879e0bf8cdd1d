import { describe, expect, test } from "vitest"
import {
  attemptRow,
  exceptionRow,
  mirrorChange,
  taskRow,
  transactionRow,
} from "../../../test/helpers/mirror-rows.ts"
import { encodeChanges, sanitizeText } from "./encode.ts"
import { Pending } from "./pending.ts"
import { UnstorableValue } from "./write-error.ts"

function encode(...changes: Parameters<typeof mirrorChange>[0][]) {
  const pending = new Pending(1_000)
  for (const change of changes) pending.add(mirrorChange(change))
  return encodeChanges(pending.take(1_000).map((entry) => ({ entry, resets: 2 })))
}

/** What the tests read of a document. */
function rowsOf(document: string): Record<string, unknown>[] {
  return JSON.parse(document) as Record<string, unknown>[]
}

describe("sanitizeText()", () => {
  test("replaces what a Postgres text cannot hold and keeps the rest", () => {
    expect(sanitizeText("a\0b")).toBe("a\uFFFDb")
    expect(sanitizeText("\uD800x\uDC00")).toBe("\uFFFDx\uFFFD")
    expect(sanitizeText("né 订单 😀")).toBe("né 订单 😀")
  })
})

describe("encodeChanges()", () => {
  test("names columns as the tables do and adds the order", () => {
    const { tasks, transactions } = encode({
      chain: 1,
      history_length: 3,
      ordinal: 4,
      transaction: transactionRow(),
      tasks: [taskRow({ index: 7 })],
    })
    const order = { tenant_id: "default", instance_id: "order_1", resets: 2, chain: 1, seq: 3 * 2 ** 20 + 4 }
    expect(rowsOf(tasks)).toEqual([expect.objectContaining({ ...order, path: "pay", task_index: 7 })])
    expect(rowsOf(transactions)).toEqual([expect.objectContaining({ ...order, run_id: "run-1" })])
  })

  test("writes the transaction's own exception under the empty path", () => {
    const { exceptions } = encode({ exceptions: [exceptionRow({ task: null })] })
    expect(rowsOf(exceptions)[0]).toMatchObject({ path: "" })
    expect(rowsOf(exceptions)[0]).not.toHaveProperty("task")
  })

  test("adds what an exception's message has in common with others", () => {
    const { exceptions } = encode({ exceptions: [exceptionRow({ message: "订单 17 被拒绝" })] })
    expect(rowsOf(exceptions)[0]).toMatchObject({
      message: "订单 17 被拒绝",
      message_shape: "订单 <n> 被拒绝",
    })
  })

  test("sanitizes text and leaves the values of users as they are", () => {
    const { tasks } = encode({ tasks: [taskRow({ reason: "a\0b", output: { "k\0": "\uD800" } })] })
    const [row] = rowsOf(tasks)
    expect(row?.["reason"]).toBe("a\uFFFDb")
    expect(JSON.parse(String(row?.["output"]))).toEqual({ "k\0": "\uD800" })
  })

  test("tells an absent value from JSON", () => {
    const { tasks } = encode({ tasks: [taskRow({ input: undefined, output: false })] })
    expect(rowsOf(tasks)[0]).toMatchObject({ input: null, output: "false" })
  })

  test("refuses what is no JSON with an error that says so", () => {
    expect(() => encode({ tasks: [taskRow({ output: { big: 1n } })] })).toThrow(UnstorableValue)
  })

  test("lists complete changes and attempts", () => {
    const pending = new Pending(10)
    pending.add(mirrorChange({ complete: true, transaction: transactionRow() }))
    pending.addAttempt(attemptRow())
    const documents = encodeChanges(pending.take(10).map((entry) => ({ entry, resets: 0 })))
    expect(rowsOf(documents.completes)).toHaveLength(1)
    expect(rowsOf(documents.attempts)).toEqual([expect.objectContaining({ path: "pay", attempt: 1 })])
    expect(documents.decisions).toBe("[]")
  })

  test("has every flush after a reset clear what the abandoned run left", () => {
    const { completes } = encode({ tasks: [taskRow()] })
    expect(rowsOf(completes)).toEqual([
      { tenant_id: "default", instance_id: "order_1", resets: 2, chain: 0, seq: 0 },
    ])
  })
})
