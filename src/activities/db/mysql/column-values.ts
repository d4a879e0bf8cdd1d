/** What a column holds must come out the same for every reader, and with all its digits. */
import mysql, { type FieldPacket } from "mysql2"
import { parseExactJson } from "../../../expression/exact-json.ts"

/**
 * As `mysql2` reads them where big numbers, decimals, dates and JSON are asked for as text, but: JSON is parsed, with
 * numbers that a double does not hold as text; FLOAT is the number that was stored, not its neighbour of 64 bits; BIT
 * is a number.
 */
export function toColumnValue(value: unknown, column: FieldPacket): unknown {
  if (value === null) return null
  if (isJson(column)) return typeof value === "string" ? parseExactJson(value) : value
  if (column.columnType === mysql.Types.FLOAT && typeof value === "number") return shortestFloat(value)
  if (column.columnType === mysql.Types.BIT && Buffer.isBuffer(value)) return toNumber(value)
  return value
}

/** MariaDB's JSON is a text with a mark. */
function isJson(column: FieldPacket & { extendedFormat?: string }): boolean {
  return column.columnType === mysql.Types.JSON || column.extendedFormat === "json"
}

/** The shortest decimal that is this 32-bit float: nine digits always do. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

function toNumber(bits: Buffer): number | string {
  const value = BigInt(`0x0${bits.toString("hex")}`)
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value)
}
