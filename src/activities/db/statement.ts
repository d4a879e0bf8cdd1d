/**
 * From a db task's config to one SQL statement with bound scalars. Names come from the flow, are checked and quoted;
 * values are never part of the text. Rules: design 5 "DB", C36 of the security reference.
 */
import { BARRIER_TABLE, readSql, type SqlDialect } from "../../contract/sql.ts"
import { Misconfigured } from "../call.ts"

export interface Statement extends SqlText {
  /** It can be read through a cursor. It may write all the same, by a function or in a `with`. */
  isQuery: boolean
  expectRows: RowExpectation | undefined
  /** An upsert in two steps: what runs where the first one met no row. */
  otherwise?: SqlText | undefined
}

export interface SqlText {
  text: string
  values: Scalar[]
}

export type Scalar = string | number | boolean | null

export interface RowExpectation {
  compare: "=" | ">="
  count: number
}

const NAME = "[A-Za-z_][A-Za-z0-9_]{0,62}"
const COLUMN = new RegExp(`^${NAME}$`)
const TABLE = new RegExp(`^${NAME}(\\.${NAME})?$`)

/** Throws `Misconfigured`: `sql_invalid`, `value_not_scalar`, `where_required`, `expect_rows_invalid`. */
export function compileStatement(config: Record<string, unknown>, dialect: SqlDialect): Statement {
  const expectRows = parseExpectation(config["expect_rows"])
  const compiled = config["sql"] === undefined ? fromOperation(config, dialect) : fromSql(config, dialect)
  return { ...compiled, isQuery: readSql(compiled.text, dialect).isQuery, expectRows }
}

export function meetsExpectation({ compare, count }: RowExpectation, rows: number): boolean {
  return compare === "=" ? rows === count : rows >= count
}

type Compiled = Pick<Statement, "text" | "values" | "otherwise">

function fromSql({ sql, args }: Record<string, unknown>, dialect: SqlDialect): Compiled {
  if (typeof sql !== "string") throw invalid("sql is not text")
  const { flaw, parameters } = readSql(sql, dialect)
  if (flaw !== undefined) throw invalid(`${flaw.message}: ${flaw.fix}`)
  if (args !== undefined && args !== null && !Array.isArray(args)) throw invalid("args is not a list")
  const values = (args ?? []).map((value: unknown, index: number) => toScalar(value, `args[${index}]`))
  if (values.length !== parameters)
    throw invalid(`the statement has ${parameters} parameters, and args has ${values.length} values`)
  return { text: sql, values }
}

function fromOperation(config: Record<string, unknown>, dialect: SqlDialect): Compiled {
  const quote = QUOTES[dialect]
  const table = quoteTable(config["table"], quote)
  const data = toColumns(config["data"], "data", quote)
  const where = toColumns(config["where"], "where", quote)
  const compile = (write: (bind: Binder) => string): SqlText => {
    const values: Scalar[] = []
    const bind: Binder = (value) => {
      const position = values.push(value)
      return dialect === "mysql" ? "?" : `$${position}`
    }
    return { text: write(bind), values }
  }
  switch (config["operation"]) {
    case "insert":
      return compile((bind) => insert(table, needColumns(data, "data"), bind))
    case "upsert": {
      checkUpsert(needColumns(data, "data"), needColumns(where, "where"))
      if (dialect === "postgres") return compile((bind) => upsert(table, data, where, bind))
      // ON DUPLICATE KEY UPDATE would change a row that is equal in any other unique key.
      return {
        ...compile((bind) => update(table, data, bind) + conditions(where, bind)),
        otherwise: compile((bind) => insert(table, [...where, ...data], bind)),
      }
    }
    case "update":
      return compile((bind) => update(table, needColumns(data, "data"), bind) + filter(where, config, bind))
    case "delete":
      return compile((bind) => `delete from ${table}${filter(where, config, bind)}`)
    case "select":
      return compile((bind) => `select * from ${table}${conditions(where, bind)}`)
    default:
      throw invalid(
        `operation is ${JSON.stringify(config["operation"])}: expected insert, update, delete, upsert or select, or sql`,
      )
  }
}

type Columns = [column: string, value: Scalar][]
type Binder = (value: Scalar) => string

const QUOTES: Record<SqlDialect, string> = { postgres: '"', mysql: "`" }

function insert(table: string, columns: Columns, bind: Binder): string {
  const names = columns.map(([column]) => column)
  return `insert into ${table} (${names.join(", ")}) values (${columns.map(([, value]) => bind(value)).join(", ")})`
}

function update(table: string, data: Columns, bind: Binder): string {
  return `update ${table} set ${data.map(([column, value]) => `${column} = ${bind(value)}`).join(", ")}`
}

/** `where` names the columns of the unique key and their values, `data` what is set either way. */
function checkUpsert(data: Columns, where: Columns): void {
  const key = where.map(([column]) => column)
  const twice = data.find(([column]) => key.includes(column))
  if (twice) throw invalid(`the column ${twice[0]} is in data and in where`)
  if (where.some(([, value]) => value === null))
    throw invalid("a null in where identifies no row: it cannot be upserted")
}

function upsert(table: string, data: Columns, where: Columns, bind: Binder): string {
  const key = where.map(([column]) => column).join(", ")
  const set = data.map(([column]) => `${column} = excluded.${column}`)
  return `${insert(table, [...where, ...data], bind)} on conflict (${key}) do update set ${set.join(", ")}`
}

function filter(where: Columns, config: Record<string, unknown>, bind: Binder): string {
  if (where.length === 0 && config["allow_all"] !== true)
    throw new Misconfigured(
      "where_required",
      `${String(config["operation"])} without where would change every row: add where, or allow_all: true`,
    )
  return conditions(where, bind)
}

function conditions(where: Columns, bind: Binder): string {
  const tests = where.map(([column, value]) =>
    value === null ? `${column} is null` : `${column} = ${bind(value)}`,
  )
  return tests.length === 0 ? "" : ` where ${tests.join(" and ")}`
}

function toColumns(value: unknown, field: string, quote: string): Columns {
  if (value === undefined || value === null) return []
  if (typeof value !== "object" || Array.isArray(value)) throw invalid(`${field} is not an object of columns`)
  return Object.entries(value).map(([name, one]) => {
    if (!COLUMN.test(name)) throw invalid(`${JSON.stringify(name)} in ${field} is not a column name`)
    return [quote + name + quote, toScalar(one, `${field}.${name}`)]
  })
}

function needColumns(columns: Columns, field: string): Columns {
  if (columns.length === 0) throw invalid(`${field} names no column`)
  return columns
}

function quoteTable(table: unknown, quote: string): string {
  if (typeof table !== "string" || !TABLE.test(table))
    throw invalid(
      `${JSON.stringify(table)} is not a table name: expected letters, digits and _, with a schema at most`,
    )
  if (table.toLowerCase().split(".").includes(BARRIER_TABLE))
    throw invalid(`${BARRIER_TABLE} is the barrier's own table`)
  return table
    .split(".")
    .map((part) => quote + part + quote)
    .join(".")
}

function toScalar(value: unknown, place: string): Scalar {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value
  const kind = Array.isArray(value) ? "a list" : value === undefined ? "missing" : "an object"
  throw new Misconfigured(
    "value_not_scalar",
    `${place} is ${kind}: only text, numbers, true, false and null can be bound`,
  )
}

function parseExpectation(value: unknown): RowExpectation | undefined {
  if (value === undefined || value === null) return undefined
  const match = /^(>=)?\s*(\d{1,9})$/.exec(
    typeof value === "number" ? String(value) : typeof value === "string" ? value.trim() : "",
  )
  if (!match)
    throw new Misconfigured(
      "expect_rows_invalid",
      `expect_rows is ${JSON.stringify(value)}: expected 1, "1" or ">=1"`,
    )
  return { compare: match[1] === undefined ? "=" : ">=", count: Number(match[2]) }
}

function invalid(message: string): Misconfigured {
  return new Misconfigured("sql_invalid", message)
}
