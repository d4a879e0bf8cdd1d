/**
 * The functions of cel/1: how each is written and how many arguments it takes. The parser refuses all
 * others at publish; `functions.ts` holds what they do.
 */

export interface Signature {
  /** Arguments, a receiver included. */
  arity: number
  /** One more may follow: a time zone. */
  zoned?: true
  /** `call` is `f(x)`, `method` is `x.f()`, `both` allows either. */
  form: "call" | "method" | "both"
  /** How an author writes it. */
  usage: string
}

const call = (arity: number, usage: string): Signature => ({ arity, form: "call", usage })
const method = (arity: number, usage: string): Signature => ({ arity, form: "method", usage })

export const SIGNATURES: ReadonlyMap<string, Signature> = new Map([
  ["size", { arity: 1, form: "both", usage: "size(x)" }],
  ["int", call(1, "int(x)")],
  ["uint", call(1, "uint(x)")],
  ["double", call(1, "double(x)")],
  ["string", call(1, "string(x)")],
  ["bool", call(1, "bool(x)")],
  ["bytes", call(1, "bytes(x)")],
  ["dyn", call(1, "dyn(x)")],
  ["type", call(1, "type(x)")],
  ["startsWith", method(2, "text.startsWith(prefix)")],
  ["endsWith", method(2, "text.endsWith(suffix)")],
  ["contains", method(2, "text.contains(part)")],
  ["coalesce", call(2, "coalesce(x, default)")],
  ["round", call(1, "round(number)")],
  ["sum", call(1, "sum(list)")],
  ["join", call(2, "join(list, separator)")],
  ["lower", call(1, "lower(text)")],
  ["upper", call(1, "upper(text)")],
  ["base64", call(1, "base64(bytes or text)")],
  ["sha256hex", call(1, "sha256hex(bytes or text)")],
  ["json_parse", call(1, "json_parse(text)")],
  ["merge", call(2, "merge(map, map)")],
  ["timestamp", call(1, "timestamp(text)")],
  ["duration", call(1, "duration(text)")],
  ...[
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
  ].map((name): [string, Signature] => [
    name,
    { ...method(1, `time.${name}() or time.${name}('+08:00')`), zoned: true },
  ]),
])

/** The only names with a namespace. */
export const TIMESTAMP_TYPE = "google.protobuf.Timestamp"
export const DURATION_TYPE = "google.protobuf.Duration"

/** Names that mean a type when the scope has no such name: `type(x) == int`. */
export const TYPE_NAMES: ReadonlySet<string> = new Set([
  TIMESTAMP_TYPE,
  DURATION_TYPE,
  "bool",
  "bytes",
  "double",
  "int",
  "list",
  "map",
  "null_type",
  "string",
  "type",
  "uint",
])

/** Operators by the names that the parser gives them. An author cannot write one of these as a function. */
export const OPERATORS: ReadonlySet<string> = new Set([
  "_+_",
  "_-_",
  "_*_",
  "_/_",
  "_%_",
  "-_",
  "_==_",
  "_!=_",
  "_<_",
  "_<=_",
  "_>_",
  "_>=_",
  "@in",
  "_[_]",
  "!_",
  "_&&_",
  "_||_",
  "_?_:_",
  "@not_strictly_false",
])
