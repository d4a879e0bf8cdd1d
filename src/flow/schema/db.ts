/** Kind `db`: one statement, in one database transaction with its barrier row. */
import { z } from "zod"
import { BARRIER_TABLE, readSql, type SqlDialect } from "../../contract/sql.ts"
import { pointerTo, quote } from "../problem.ts"
import { type Fields, isObject, type Place, readObject } from "../read-object.ts"
import { connectionName, constantText, scalar, words } from "./fields.ts"
import type { KindReading, ReadConfig } from "./kind.ts"

/** Longer names are cut by Postgres without a word. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/
const TABLE = /^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$/

const column = z.string().regex(IDENTIFIER, { error: "not a column name: letters, digits and _ only" })
/** Objects and lists are never bound. */
const bound = z.union([scalar, z.null()], {
  error: (issue) => `expected text, a number, true, false or null, got ${quote(issue.input)}`,
})
const columns = z.record(column, bound)

/** `1`, `"1"`: so many rows; `">=1"`: so many or more. */
const expectRows = z.union([z.int().min(0), z.string().regex(/^(>=\s*)?\d{1,9}$/)], {
  error: 'expected a number of rows such as 1 or "1", or ">=1"',
})

const DbConfig = z.strictObject({
  operation: words(["insert", "update", "delete", "upsert", "select"]).optional(),
  table: constantText("the table")
    .regex(TABLE, { error: "expected a table name, such as orders or shop.orders" })
    .refine((table) => !table.toLowerCase().split(".").includes(BARRIER_TABLE), {
      error: `${BARRIER_TABLE} is the barrier's own table`,
      params: { code: "sql_reserved" },
    })
    .optional(),
  data: columns.optional(),
  /** Columns that are equal, all of them. For upsert the key: a row with it is changed, else `data` and `where` are added as one. */
  where: columns.optional(),
  allow_all: z.boolean().optional(),
  sql: constantText("the statement").optional(),
  args: z.array(bound).optional(),
  expect_rows: expectRows.optional(),
  connection: connectionName.optional(),
})
type DbFields = Fields<typeof DbConfig>

export const readDbConfig: ReadConfig = (raw, place) => {
  const fields = readObject(DbConfig, raw, place)
  checkForm(raw, fields, place)
  const reading: KindReading = {
    config: {
      ...raw,
      ...(fields.expect_rows === undefined ? {} : { expect_rows: toExpectation(fields.expect_rows) }),
    },
    target: { by: "connection", ...(fields.connection === undefined ? {} : { name: fields.connection }) },
    certainEffect: readsOnly(fields) ? "read" : "keyed",
    sendsInput: false,
  }
  const { operation, table } = fields
  if (operation !== undefined && operation !== "select" && table !== undefined) {
    reading.writes = { table, replaces: operation !== "insert" }
  }
  return reading
}

/** `"1"` is 1 (a habit of S1's users), `">= 1"` is `">=1"`. */
function toExpectation(rows: number | string): number | string {
  if (typeof rows === "number") return rows
  return rows.startsWith(">=") ? `>=${Number(rows.slice(2))}` : Number(rows)
}

/**
 * A function that writes must be declared (`effect: keyed`): such a statement runs in a read-only transaction. What
 * MySQL reads differently is refused there, or not seen as a read.
 */
function readsOnly({ operation, sql }: DbFields): boolean {
  return operation === "select" || (sql !== undefined && readSql(sql, "postgres").firstWord === "select")
}

/** The statement must leave the barrier's transaction as it is, and get as many values as it asks for. */
export function checkSql(
  { sql, args = [] }: Record<string, unknown>,
  dialect: SqlDialect,
  place: Place,
): void {
  // What is wrong in itself has been reported.
  if (typeof sql !== "string" || !Array.isArray(args)) return
  const { flaw, parameters } = readSql(sql, dialect)
  if (flaw !== undefined) place.report({ pointer: pointerTo(place.pointer, "sql"), ...flaw })
  if (parameters === args.length) return
  place.report({
    pointer: pointerTo(place.pointer, "args"),
    code: "args_mismatch",
    message: `the statement has ${parameters} parameters, and args has ${args.length} values`,
    fix: `give one value for each ${dialect === "mysql" ? "?" : "of $1, $2, ..."}`,
  })
}

const FORMS = {
  sql: { needs: [], takes: ["sql", "args"] },
  insert: { needs: ["data"], takes: ["data"] },
  upsert: { needs: ["data", "where"], takes: ["data", "where"] },
  update: { needs: ["data"], takes: ["data", "where", "allow_all"] },
  delete: { needs: [], takes: ["where", "allow_all"] },
  select: { needs: [], takes: ["where"] },
} as const

/** Which fields go together. Fields that are wrong in themselves count as given. */
function checkForm(raw: Record<string, unknown>, fields: DbFields, place: Place): void {
  const form = Object.hasOwn(raw, "sql") ? "sql" : fields.operation
  if (form === undefined) {
    if (Object.hasOwn(raw, "operation")) return
    const fix = "write operation and table, or sql"
    place.report({ pointer: place.pointer, code: "required", message: "operation or sql is missing", fix })
    return
  }
  const takes: readonly string[] = FORMS[form].takes
  const common = form === "sql" ? [] : ["operation", "table"]
  for (const name of [...common, ...FORMS[form].needs]) {
    const given = raw[name]
    if (given === undefined || (isObject(given) && Object.keys(given).length === 0)) {
      const message = `${name} is missing: ${form} needs it${given === undefined ? "" : " and it is empty"}`
      place.report({ pointer: pointerTo(place.pointer, name), code: "required", message })
    }
  }
  for (const name of ["operation", "table", "data", "where", "allow_all", "sql", "args"]) {
    if (!Object.hasOwn(raw, name) || takes.includes(name) || common.includes(name)) continue
    const message = `${name} does not go together with ${form === "sql" ? "sql" : `operation ${form}`}`
    place.report({ pointer: pointerTo(place.pointer, name), code: "not_together", message })
  }
  checkWhere(form, raw, place)
}

function checkWhere(form: keyof typeof FORMS, raw: Record<string, unknown>, place: Place): void {
  if (form !== "update" && form !== "delete") return
  const { where } = raw
  const empty = where === undefined || (isObject(where) && Object.keys(where).length === 0)
  if (!empty || raw["allow_all"] === true) return
  place.report({
    pointer: pointerTo(place.pointer, "where"),
    code: "where_required",
    message: `${form} without where would change every row of the table`,
    fix: "add where, or allow_all: true if every row is meant",
  })
}
