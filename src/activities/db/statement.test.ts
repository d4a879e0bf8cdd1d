import { describe, expect, test } from "vitest"
import { Misconfigured } from "../call.ts"
import { compileStatement, meetsExpectation } from "./statement.ts"

describe("compileStatement()", () => {
  test.each([
    [
      "insert",
      { operation: "insert", table: "orders", data: { order_id: "o1", amount: 5, paid: false, note: null } },
      'insert into "orders" ("order_id", "amount", "paid", "note") values ($1, $2, $3, $4)',
      ["o1", 5, false, null],
    ],
    [
      "update",
      {
        operation: "update",
        table: "shop.orders",
        data: { status: "PAID" },
        where: { order_id: "o1", gone_at: null },
      },
      'update "shop"."orders" set "status" = $1 where "order_id" = $2 and "gone_at" is null',
      ["PAID", "o1"],
    ],
    [
      "update all",
      { operation: "update", table: "t", data: { a: 1 }, allow_all: true },
      'update "t" set "a" = $1',
      [1],
    ],
    ["delete", { operation: "delete", table: "t", where: { a: 1 } }, 'delete from "t" where "a" = $1', [1]],
    [
      "upsert",
      { operation: "upsert", table: "t", data: { n: 2 }, where: { id: "x" } },
      'insert into "t" ("id", "n") values ($1, $2) on conflict ("id") do update set "n" = excluded."n"',
      ["x", 2],
    ],
    ["select", { operation: "select", table: "t", where: { a: 1 } }, 'select * from "t" where "a" = $1', [1]],
    ["select all", { operation: "select", table: "t" }, 'select * from "t"', []],
    ["sql", { sql: "update t set a = $1", args: [1] }, "update t set a = $1", [1]],
    ["sql behind nested comments", { sql: "/* a /* b */ */ select 1" }, "/* a /* b */ */ select 1", []],
    ["sql behind comments", { sql: " -- a\n/* b */ (SELECT 1)" }, " -- a\n/* b */ (SELECT 1)", []],
  ])("makes %s", (_name, config, text, values) => {
    expect(compileStatement(config, "postgres")).toMatchObject({ text, values })
  })

  test("keeps values out of the text, whatever they are", () => {
    const hostile = [
      "'; drop table orders; --",
      "' or '1'='1",
      "$1",
      '"',
      "\\'; select pg_sleep(10); --",
      "${secrets.x}",
      "\u0000",
      "😀",
    ]
    for (const value of hostile) {
      const { text, values } = compileStatement(
        {
          operation: "update",
          table: "t",
          data: { a: value },
          where: { b: value },
        },
        "postgres",
      )
      expect(text).toBe('update "t" set "a" = $1 where "b" = $2')
      expect(values).toEqual([value, value])
    }
  })

  test.each([
    't"; drop table x; --',
    "t t",
    "a.b.c",
    "",
    "1a",
    "täble",
    "t;",
    "t--",
    ".t",
    "t.",
    "x".repeat(64),
    undefined,
    7,
  ])("refuses the table %j", (table) => {
    expect(() => compileStatement({ operation: "select", table }, "postgres")).toThrow(Misconfigured)
  })

  test.each(['a"', "a b", "a.b", "", "1", "a=1 or", "ä"])("refuses the column %j", (column) => {
    expect(() =>
      compileStatement({ operation: "insert", table: "t", data: { [column]: 1 } }, "postgres"),
    ).toThrow(/not a column name/)
    expect(() =>
      compileStatement({ operation: "delete", table: "t", where: { [column]: 1 } }, "postgres"),
    ).toThrow(/not a column name/)
  })

  test("binds no object and no list", () => {
    for (const value of [{}, { toPostgres: "x" }, [], [1], undefined]) {
      const configs = [
        { operation: "insert", table: "t", data: { a: value } },
        { operation: "delete", table: "t", where: { a: value } },
        { sql: "select $1", args: [value] },
      ]
      for (const config of configs)
        expect(() => compileStatement(config, "postgres"), JSON.stringify(config)).toThrow(
          expect.objectContaining({ code: "value_not_scalar" }),
        )
    }
  })

  test("refuses to change every row unless that is meant", () => {
    for (const operation of ["update", "delete"])
      for (const where of [undefined, null, {}])
        expect(() => compileStatement({ operation, table: "t", data: { a: 1 }, where }, "postgres")).toThrow(
          expect.objectContaining({ code: "where_required" }),
        )
    expect(() => compileStatement({ operation: "delete", table: "t", allow_all: "yes" }, "postgres")).toThrow(
      Misconfigured,
    )
  })

  test.each([
    "commit",
    "ROLLBACK",
    "/* x */ begin",
    "set role postgres",
    "reset all",
    "copy t to program 'id'",
    "do $$ begin end $$",
    "drop table t",
    "create table t()",
    "truncate t",
    "lock t",
    "listen x",
    "prepare transaction 'x'",
    "vacuum",
    "/* open",
    "; commit",
    "",
    "--",
  ])("refuses the statement %j", (sql) => {
    expect(() => compileStatement({ sql }, "postgres")).toThrow(
      expect.objectContaining({ code: "sql_invalid" }),
    )
  })

  test.each([
    { operation: "merge", table: "t" },
    { table: "t" },
    { operation: "insert", table: "t" },
    { operation: "insert", table: "t", data: {} },
    { operation: "insert", table: "t", data: [1] },
    { operation: "upsert", table: "t", data: { a: 1 } },
    { operation: "upsert", table: "t", data: { a: 1 }, where: { a: 1 } },
    { operation: "upsert", table: "t", data: { a: 1 }, where: { b: null } },
    { operation: "delete", table: "holdfast_barrier", allow_all: true },
    { operation: "insert", table: "public.holdfast_barrier", data: { txn: "x" } },
    { sql: "delete from holdfast_barrier" },
    { sql: "select 1; commit" },
    { sql: "select $1, $2", args: [1] },
    { sql: "select $1", args: [1, 2] },
    { sql: "select $1" },
    { sql: 7 },
    { sql: "select 1", args: { a: 1 } },
  ])("refuses %j", (config) => {
    expect(() => compileStatement(config, "postgres")).toThrow(
      expect.objectContaining({ code: "sql_invalid" }),
    )
  })
})

describe("compileStatement() for MySQL", () => {
  test.each([
    [
      { operation: "insert", table: "shop.orders", data: { id: "o1", n: 5 } },
      "insert into `shop`.`orders` (`id`, `n`) values (?, ?)",
      ["o1", 5],
    ],
    [
      { operation: "update", table: "t", data: { a: 1 }, where: { b: 2, c: null } },
      "update `t` set `a` = ? where `b` = ? and `c` is null",
      [1, 2],
    ],
    [{ sql: "update t set a = ? where b = ?", args: [1, "?"] }, "update t set a = ? where b = ?", [1, "?"]],
  ])("makes %j", (config, text, values) => {
    expect(compileStatement(config, "mysql")).toMatchObject({ text, values })
  })

  test("upserts in two steps, since MySQL's own form meets any unique key", () => {
    const config = { operation: "upsert", table: "t", data: { n: 2 }, where: { id: "x" } }
    expect(compileStatement(config, "mysql")).toMatchObject({
      text: "update `t` set `n` = ? where `id` = ?",
      values: [2, "x"],
      otherwise: { text: "insert into `t` (`id`, `n`) values (?, ?)", values: ["x", 2] },
    })
  })

  test.each([
    { sql: "select $1", args: [1] },
    { sql: "select ?" },
    { sql: "call settle()" },
    { operation: "delete", table: "Holdfast_Barrier", allow_all: true },
  ])("refuses %j", (config) => {
    expect(() => compileStatement(config, "mysql")).toThrow(expect.objectContaining({ code: "sql_invalid" }))
  })
})

describe("meetsExpectation()", () => {
  const expectRows = (value: unknown) =>
    compileStatement({ sql: "select 1", expect_rows: value }, "postgres").expectRows

  test.each([
    [1, [1], [0, 2]],
    ["1", [1], [0, 2]],
    [0, [0], [1]],
    [">=1", [1, 2], [0]],
    [">= 2", [2, 9], [1]],
  ])("reads %j", (value, met, missed) => {
    const expectation = expectRows(value)
    if (!expectation) throw new Error("no expectation")
    for (const rows of met) expect(meetsExpectation(expectation, rows), String(rows)).toBe(true)
    for (const rows of missed) expect(meetsExpectation(expectation, rows), String(rows)).toBe(false)
  })

  test("knows no other form", () => {
    expect(expectRows(undefined)).toBeUndefined()
    for (const value of ["", "one", ">1", "<=1", -1, 1.5, true, [], {}])
      expect(() => expectRows(value), JSON.stringify(value)).toThrow(
        expect.objectContaining({ code: "expect_rows_invalid" }),
      )
  })
})
