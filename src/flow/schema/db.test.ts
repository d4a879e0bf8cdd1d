import { describe, expect, test } from "vitest"
import { compileOne, db, flow, problemsOf } from "../definitions.testsuite.ts"

const problems = (config: Record<string, unknown>) =>
  problemsOf(flow([db("reserve", config)])).map((problem) => problem.replace("/tasks/0/config", ""))
const row = { data: { a: 1 } }
const key = { where: { id: "${ params.id }" } }

describe("db config", () => {
  test.each([
    { operation: "insert", table: "orders", ...row },
    { operation: "insert", table: "shop.orders", data: { a: "${ params.a }", b: null, c: true } },
    { operation: "update", table: "orders", ...row, ...key },
    { operation: "update", table: "orders", ...row, allow_all: true },
    { operation: "upsert", table: "orders", ...row, ...key },
    { operation: "delete", table: "orders", ...key },
    { operation: "delete", table: "orders", where: {}, allow_all: true },
    { operation: "select", table: "orders", ...key },
    { operation: "select", table: "orders" },
    { sql: "update stock set a = $1, b = $2, c = $3", args: ["${ params.a }", 2, null], expect_rows: 1 },
    { sql: "select now()" },
    { sql: "insert into notes (text) values ('begin; holdfast_barrier', $$commit; $1$$) -- $2; set x" },
  ])("takes %j", (config) => {
    expect(problems(config)).toEqual([])
  })

  test.each([
    [{}, "required "],
    [{ operation: "insrt", table: "orders" }, "invalid_value /operation"],
    [{ operation: "insert", table: "orders" }, "required /data"],
    [{ operation: "insert", table: "orders", data: {} }, "required /data"],
    [{ operation: "insert", ...row }, "required /table"],
    [{ operation: "insert", table: "orders", ...row, ...key }, "not_together /where"],
    [{ operation: "update", table: "orders", ...row }, "where_required /where"],
    [{ operation: "update", table: "orders", ...row, where: {} }, "where_required /where"],
    [{ operation: "update", table: "orders", ...row, allow_all: false }, "where_required /where"],
    [{ operation: "delete", table: "orders" }, "where_required /where"],
    [{ operation: "delete", table: "orders", ...key, ...row }, "not_together /data"],
    [{ operation: "upsert", table: "orders", ...row }, "required /where"],
    [{ operation: "select", table: "orders", sql: "select 1" }, "not_together /operation"],
    [{ sql: "select 1", table: "orders" }, "not_together /table"],
    [{ sql: "select 1", ...key }, "not_together /where"],
    [{ operation: "insert", table: "orders", ...row, args: [] }, "not_together /args"],
    [{ sql: "begin" }, "sql_not_allowed /sql"],
    [{ sql: "/* select */ SET search_path = a" }, "sql_not_allowed /sql"],
    [{ sql: "update stock set a = 1; commit" }, "sql_several /sql"],
    [{ sql: "delete from public.Holdfast_Barrier" }, "sql_reserved /sql"],
    [{ operation: "delete", table: "holdfast_barrier", allow_all: true }, "sql_reserved /table"],
    [{ operation: "insert", table: "public.holdfast_barrier", ...row }, "sql_reserved /table"],
    [{ sql: "select $1, $2", args: [1] }, "args_mismatch /args"],
    [{ sql: "select $1" }, "args_mismatch /args"],
    [{ sql: "select 1", args: [1] }, "args_mismatch /args"],
    [{ sql: "select ${ params.x }" }, "constant_required /sql"],
    [{ sql: "select 1", args: [[1]] }, "invalid_value /args/0"],
    [{ sql: "select 1", args: "${ params.list }" }, "wrong_type /args"],
    [{ operation: "${ params.o }", table: "orders" }, "invalid_value /operation"],
    [{ operation: "insert", table: "${ params.t }", ...row }, "constant_required /table"],
    [{ operation: "insert", table: "orders; drop", ...row }, "invalid_value /table"],
    [{ operation: "insert", table: "a.b.c", ...row }, "invalid_value /table"],
    [{ operation: "insert", table: "x".repeat(64), ...row }, "invalid_value /table"],
    [{ operation: "insert", table: "orders", data: { 'a"': 1 } }, 'invalid_value /data/a"'],
    [{ operation: "insert", table: "orders", data: { a: {} } }, "invalid_value /data/a"],
    [{ operation: "insert", table: "orders", data: "${ params }" }, "wrong_type /data"],
    [{ operation: "update", table: "orders", ...row, where: { a: [1] } }, "invalid_value /where/a"],
    [{ operation: "insert", table: "orders", ...row, expect_rows: "many" }, "invalid_value /expect_rows"],
    [{ operation: "insert", table: "orders", ...row, expect_rows: -1 }, "out_of_range /expect_rows"],
    [{ operation: "insert", tabel: "orders", ...row }, "unknown_field /tabel"],
  ])("%j: %s", (config, problem) => {
    expect(problems(config)).toContain(problem)
  })

  test("reads SQL as the connection's database does", () => {
    const on = (sql: string, args: unknown[] = []) =>
      problemsOf(flow([db("reserve", { sql, args })]), [{ name: "inventory", kind: "mysql" }])
    expect(on("update `stock` set a = ? # 'x", [1])).toEqual([])
    expect(on("update stock set a = $1", [1])).toEqual(["args_mismatch /tasks/0/config/args"])
    expect(on("call settle()")).toEqual(["sql_not_allowed /tasks/0/config/sql"])
    expect(on("/*! delete from stock */ select 1")).toEqual(["sql_not_allowed /tasks/0/config/sql"])
  })

  test.each([
    [1, 1],
    ["1", 1],
    ["0", 0],
    [">=1", ">=1"],
    [">= 2", ">=2"],
  ])("writes expect_rows %j as %j", (written, stored) => {
    const { config } = compileOne(db("a", { sql: "update stock set a = 1", expect_rows: written }))
    expect(config).toMatchObject(["'", { expect_rows: stored }])
  })

  test.each([
    [{ operation: "select", table: "orders" }, "read"],
    [{ sql: "select now()" }, "read"],
    [{ sql: "  -- a comment\n /* another */ SELECT 1;" }, "read"],
    [{ operation: "insert", table: "orders", ...row }, "keyed"],
    [{ sql: "update stock set a = 1" }, "keyed"],
    [{ sql: "with x as (delete from stock returning *) select * from x" }, "keyed"],
    [{ sql: "/* /* */ select 1 */ delete from stock" }, "keyed"],
    [{ sql: "(select 1)" }, "read"],
  ])("%j has the effect %s", (config, effect) => {
    expect(compileOne(db("a", config)).effect).toBe(effect)
  })

  test("has its barrier whatever the connection says, and its author the last word", () => {
    const connections = [{ name: "inventory", kind: "postgres", effect: "unsafe" } as const]
    expect(compileOne(db("a", { sql: "delete from a" }), connections).effect).toBe("keyed")
    expect(compileOne(db("a", { sql: "delete from a" }, { effect: "unsafe" })).effect).toBe("unsafe")
  })

  test("does not send the input, which its config may read", () => {
    const { sends_input, config } = compileOne(
      db("a", { operation: "insert", table: "orders", data: { id: "${input.order_id}" } }),
    )
    expect(sends_input).toBe(false)
    expect(config).toMatchObject({ data: { id: ["$", ["f", ["v", "input"], "order_id"]] } })
  })
})
