import { describe, expect, test } from "vitest"
import { readSql } from "./sql.ts"

describe("readSql()", () => {
  test.each([
    "select 1",
    "SELECT 1;",
    " -- begin\n /* commit; /* rollback */ */ (select 1) ; -- commit",
    "insert into notes (text) values ('begin; commit; holdfast_barrier')",
    "insert into notes (text) values ('it''s; -- commit', E'\\'; commit; holdfast_barrier', U&'\\0061; set')",
    "insert into notes (text) values ($$; commit; holdfast_barrier$$, $a$ $$; set_config $$ $a$)",
    'update t set "commit;" = $1, "holdfast_barrier;" = $2, set_configs = $3, a$b$c = 2',
    'select * from "HOLDFAST_BARRIER", my_holdfast_barrier, "a""b;c"',
    "with x as (delete from stock returning *) select * from x",
    "merge into a using b on true when matched then update set x = 1",
    "values (1, 2)",
    "call settle($1)",
    "select 1e5::int, 5 * 3 /* ; */ / 2",
  ])("takes %s", (sql) => {
    expect(readSql(sql, "postgres").flaw).toBeUndefined()
  })

  test.each([
    "begin",
    "commit",
    "ROLLBACK",
    "savepoint a",
    "release a",
    "start transaction",
    "end",
    "abort",
    "set search_path = a",
    "set local role x",
    "reset all",
    "discard all",
    "show all",
    "listen a",
    "notify a",
    "copy t to program 'x'",
    "lock table t",
    "do $$ begin commit; end $$",
    "prepare p as select 1",
    "execute p",
    "truncate t",
    "create table t ()",
    "drop table t",
    "vacuum",

    "/* select 1 */ commit",
    "-- select 1\ncommit",
    "(commit)",
    '"select" 1',
    "",
    "-- select",
    "/* select 1",
    "1",
  ])("refuses %s", (sql) => {
    expect(readSql(sql, "postgres").flaw?.code).toBe("sql_not_allowed")
  })

  test.each([
    "select 1; commit",
    "select 1;; select 2",
    "select ';'; delete from t",
    "select $a$;$a$; select 1",
    "select E'\\\\'; select 1",
    "select '\\'; select 1",
  ])("refuses %s, which is more than one", (sql) => {
    expect(readSql(sql, "postgres").flaw?.code).toBe("sql_several")
  })

  test.each([
    "delete from holdfast_barrier",
    "delete from Public.HOLDFAST_BARRIER where true",
    'update "holdfast_barrier" set state = $1',
    "with x as (select 1) insert into holdfast_barrier select * from x",
    "select/**/set_config('search_path', 'a', false)",
  ])("refuses %s, which names what is reserved", (sql) => {
    expect(readSql(sql, "postgres").flaw?.code).toBe("sql_reserved")
  })

  test("counts parameters outside of texts", () => {
    expect(readSql("select $1, $3, '$9', $$ $8 $$ -- $7\n, a$6", "postgres").parameters).toBe(3)
    expect(readSql("select 1", "postgres").parameters).toBe(0)
  })

  test("tells queries by their first word", () => {
    expect(readSql("/* a */ ((SELECT 1))", "postgres")).toMatchObject({ firstWord: "select", isQuery: true })
    expect(readSql("insert into t select 1", "postgres")).toMatchObject({
      firstWord: "insert",
      isQuery: false,
    })
  })

  test("reads a long text in one go", () => {
    const long = "'".repeat(500_000)
    const open = Array.from({ length: 100_000 }, (_, at) => `$a${at}$ e'`).join(" ")
    expect(readSql(`select ${open}`, "postgres").flaw).toBeUndefined()
    expect(
      readSql(`select '${long}', $${"$x".repeat(100_000)}, '${"a".repeat(1_000_000)}'`, "postgres").firstWord,
    ).toBe("select")
  })
})

describe("readSql() for MySQL", () => {
  test.each([
    "select 1 -- begin",
    "select 1--1",
    "# commit\n select 1",
    "replace into t values (?, ?)",
    "insert into notes (text) values ('it''s \\'; commit', \"; commit # \\\" holdfast_barrier\")",
    "update t set `commit;` = 1, `a``b; c` = 2",
    "/* a /* b */ select 1",
    "with x as (select 1) select * from x",
  ])("takes %s", (sql) => {
    expect(readSql(sql, "mysql").flaw).toBeUndefined()
  })

  test.each([
    ["sql_not_allowed", "commit"],
    ["sql_not_allowed", "call settle()"],
    ["sql_not_allowed", "merge into t"],
    ["sql_not_allowed", "load data local infile 'x' into table t"],
    ["sql_not_allowed", "/*! commit */ select 1"],
    ["sql_not_allowed", "select 1 /*!50000 ; commit */"],
    ["sql_not_allowed", "select 1 /*M!100100 , 2 */"],
    ["sql_not_allowed", "/* a /* b */ */ select 1"],
    ["sql_not_allowed", "-- select 1"],
    ["sql_several", "select 1 --\t; commit\n; commit"],
    ["sql_several", "select '\\\\'; commit"],
    ["sql_several", "select 1--1; commit"],
    ["sql_reserved", "delete from `Holdfast_Barrier`"],
    ["sql_reserved", "delete from shop.holdfast_barrier"],
    ["sql_reserved", "select * from t into outfile '/tmp/x'"],
    ["sql_reserved", "select 1 into DUMPFILE '/tmp/x'"],
  ])("finds %s in %s", (code, sql) => {
    expect(readSql(sql, "mysql").flaw?.code).toBe(code)
  })

  test("counts its parameters outside of texts and comments", () => {
    expect(readSql("select ?, '?', \"?\", `?` /* ? */ # ?\n, ?", "mysql").parameters).toBe(2)
  })
})
