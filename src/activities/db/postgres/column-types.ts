/** What a column holds must come out the same for every reader, whatever the worker's time zone. */
import pg from "pg"
import { parseExactJson } from "../../../expression/exact-json.ts"

/** The text format is the only one that is asked for. */
const parserOf: (oid: number, format?: "text") => (text: string) => unknown = pg.types.getTypeParser
const asIs = (text: string) => text

const OID = { date: 1082, timestamp: 1114, timestamptz: 1184, json: 114, jsonb: 3802, textArray: 1009 }
const OID_OF_ARRAY = { date: 1182, timestamp: 1115, timestamptz: 1185, json: 199, jsonb: 3807, numeric: 1231 }

/**
 * As `pg` reads them, but: `date` and `timestamp` stay text, since a JavaScript date would shift them by the
 * worker's zone; `timestamptz` is RFC 3339 with all its digits. 64-bit integers are text by default, and numerics;
 * their lists are here too, and numbers within JSON that a double does not hold.
 */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text") => {
    if (oid === OID.date || oid === OID.timestamp) return asIs
    if (oid === OID.timestamptz) return toRfc3339
    if (oid === OID.json || oid === OID.jsonb) return parseExactJson
    if (oid === OID_OF_ARRAY.date || oid === OID_OF_ARRAY.timestamp || oid === OID_OF_ARRAY.numeric)
      return parserOf(OID.textArray)
    if (oid === OID_OF_ARRAY.timestamptz)
      return (text: string) => deepMap(parserOf(OID.textArray)(text), toRfc3339)
    if (oid === OID_OF_ARRAY.json || oid === OID_OF_ARRAY.jsonb)
      return (text: string) => deepMap(parserOf(OID.textArray)(text), parseExactJson)
    return parserOf(oid, format)
    // The overloads name the binary format too, which is not used.
  }) as typeof pg.types.getTypeParser,
}

function toRfc3339(text: string): string {
  const parts = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)(?::?(\d\d))?$/.exec(text)
  return parts ? `${parts[1]}T${parts[2]}${parts[3]}:${parts[4] ?? "00"}` : text
}

function deepMap(value: unknown, change: (text: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((member) => deepMap(member, change))
  return typeof value === "string" ? change(value) : value
}
