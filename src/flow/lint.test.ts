import { describe, expect, test } from "vitest"
import { db, flow, warningsOf } from "./definitions.testsuite.ts"

const write = (id: string, operation: string, more: Record<string, unknown> = {}, table = "stock") => {
  const data = operation === "delete" ? {} : { data: { a: 1 } }
  const where = operation === "insert" ? {} : { where: { id: 1 } }
  return db(id, { operation, table, ...data, ...where }, more)
}

describe("warnOfParallelWrites()", () => {
  test("warns of two branches that change rows of one table", () => {
    expect(warningsOf(flow([write("a", "update"), write("b", "delete")]))).toEqual([
      "parallel_writes /tasks/1/config/table",
    ])
    expect(warningsOf(flow([write("a", "insert"), write("b", "update", {}, "STOCK")]))).toEqual([
      "parallel_writes /tasks/1/config/table",
    ])
  })

  test("says nothing of an order, at any distance", () => {
    const tasks = [
      write("a", "update"),
      write("b", "insert", { depends_on: ["a"] }, "other"),
      write("c", "update", { depends_on: ["b"] }),
    ]
    expect(warningsOf(flow(tasks))).toEqual([])
    expect(warningsOf(flow(tasks.toReversed()))).toEqual([])
  })

  test("says nothing of two that only add, of other tables, of reads", () => {
    expect(warningsOf(flow([write("a", "insert"), write("b", "insert")]))).toEqual([])
    expect(warningsOf(flow([write("a", "update"), write("b", "update", {}, "orders")]))).toEqual([])
    expect(
      warningsOf(flow([write("a", "update"), db("b", { operation: "select", table: "stock" })])),
    ).toEqual([])
  })

  test("says nothing of one table name in two databases", () => {
    const connections = [
      { name: "inventory", kind: "postgres" as const },
      { name: "orders", kind: "postgres" as const },
    ]
    const elsewhere = { operation: "delete", table: "stock", where: { id: 1 }, connection: "orders" }
    expect(warningsOf(flow([write("a", "update"), db("b", elsewhere)]), connections)).toEqual([])
  })
})
