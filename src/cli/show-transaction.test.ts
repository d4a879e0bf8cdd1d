import { describe, expect, test } from "vitest"
import type { Transaction } from "../sdk/shapes.ts"
import { showTransaction } from "./show-transaction.ts"

const RUNNING: Transaction = {
  instance_id: "a b",
  flow_name: "order",
  flow_version: 2,
  workflow_id: "default/a b",
  status: "running",
  version: 0,
  open_exceptions: 0,
  ignored_messages: 0,
  created_at: "2026-01-01T00:00:00.000Z",
  completed_at: null,
  output: null,
  error: null,
  tasks: [],
}

describe("showTransaction()", () => {
  test("ends no line with spaces", () => {
    expect(showTransaction(RUNNING)).toMatch(/^a b {2}order v2 {2}running\n/)
    expect(showTransaction(RUNNING)).not.toMatch(/ $/m)
  })

  test("says that a person is needed, and that signals were of no use", () => {
    const text = showTransaction({ ...RUNNING, status: "blocked", open_exceptions: 1, ignored_messages: 2 })
    expect(text).toContain("1 open: a person must decide, see /api/v1/exceptions?instance_id=a%20b")
    expect(text).toContain("2 ignored: ")
  })
})
