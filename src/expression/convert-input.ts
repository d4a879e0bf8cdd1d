/**
 * A task's input to what its definition declares: `"99"` is 99 for an int, undeclared members are dropped, and
 * everything that does not fit is found at once. Used by the API when a transaction is accepted and by the
 * engine when the task starts, so that both say the same. Messages name kinds, never values: these may be secret.
 */
import type { OutputType } from "../contract/activities.ts"
import { assertNever } from "../contract/errors.ts"
import type { FieldType, InputField } from "../contract/input-fields.ts"
import { toJson } from "./border.ts"
import { ExpressionError } from "./error.ts"
import { parseExactJson } from "./exact-json.ts"
import { CEL_1_LIMITS } from "./meter.ts"
import { Reference, isList, isTextMap } from "./values.ts"

export interface InputProblem {
  /** Of the member, from the input on: `["items", 2]`. Empty for the input itself. */
  path: readonly (string | number)[]
  code: "required" | "wrong_type"
  message: string
}

export interface ConvertedInput {
  value: Record<string, unknown>
  problems: InputProblem[]
}

/** Null is as good as absent. Fields without a value and a default stay out. */
export function convertInput(fields: readonly InputField[], input: unknown): ConvertedInput {
  const value: Record<string, unknown> = Object.create(null)
  if (!isTextMap(input)) {
    const message = `the input must be an object, got ${nameOf(input)}`
    return { value, problems: [{ path: [], code: "wrong_type", message }] }
  }
  const problems: InputProblem[] = []
  for (const field of fields) {
    const { name, required } = field
    const given = (Object.hasOwn(input, name) ? input[name] : undefined) ?? field.default ?? undefined
    if (given !== undefined) value[name] = convertMember(field.type, given, [name], problems)
    else if (required === true)
      problems.push({ path: [name], code: "required", message: `${name} is missing` })
  }
  return { value, problems }
}

/** @throws {ExpressionError} `input_invalid`, with every problem in its message. */
export function getConvertedInput(fields: readonly InputField[], input: unknown): Record<string, unknown> {
  const { value, problems } = convertInput(fields, input)
  if (problems.length === 0) return value
  throw new ExpressionError("input_invalid", problems.map(({ message }) => message).join("; "))
}

type Path = InputProblem["path"]

function convertMember(type: FieldType, value: unknown, path: Path, problems: InputProblem[]): unknown {
  const memberType = LIST_MEMBERS[type]
  const members = memberType === undefined ? undefined : toMembers(value)
  if (memberType !== undefined && members !== undefined)
    return members.map((member, index) => convertMember(memberType, member, [...path, index], problems))
  const converted = value instanceof Reference ? passReference(type, value) : convertOne(type, value)
  if (converted !== undefined) return converted
  const message = `${path.join("/")} must be ${EXPECTED[type]}, got ${nameOf(value)}`
  problems.push({ path, code: "wrong_type", message })
  return undefined
}

/** What it stands for is not here: only what is of the right type already can be handed on. */
function passReference(type: FieldType, value: Reference): Reference | undefined {
  return type === "*" || OF_REFERENCE[value.output.type] === type ? value : undefined
}

const OF_REFERENCE: Record<OutputType, FieldType> = { object: "object", list: "array", string: "string" }

const LIST_MEMBERS: Partial<Record<FieldType, FieldType>> = {
  "[]string": "string",
  "[]int": "int",
  "[]float": "float",
}

/** A text is a list of one, an empty one a list of none. */
function toMembers(value: unknown): readonly unknown[] | undefined {
  if (isList(value)) return value
  return typeof value === "string" ? [value].filter((text) => text !== "") : undefined
}

const EXPECTED: Record<FieldType, string> = {
  string: "text",
  int: "a whole number",
  int64: "a whole number",
  float: "a number",
  float64: "a number",
  bool: "true or false",
  object: "an object",
  array: "a list",
  "[]string": "a list of text",
  "[]int": "a list of whole numbers",
  "[]float": "a list of numbers",
  time: "a time such as 2026-01-31T12:00:00Z",
  "*": "any value",
}

/** Undefined when the value does not fit. */
function convertOne(type: FieldType, value: unknown): unknown {
  switch (type) {
    case "string":
      return typeof value === "number" || typeof value === "boolean" ? String(value) : textOf(value)
    case "int":
    case "int64":
      return toWhole(value)
    case "float":
    case "float64":
      return toNumber(value)
    case "bool":
      return typeof value === "boolean" ? value : BOOLEANS.get(textOf(value) ?? "")
    case "object":
      return readJson(value, isTextMap)
    case "array":
      return readJson(value, isList)
    case "[]string":
    case "[]int":
    case "[]float":
      // A list's members were converted one by one.
      return undefined
    case "time":
      return toTime(value)
    case "*":
      return value
    default:
      return assertNever(type)
  }
}

/** Go's spellings. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false] as const),
])
const MAX_INT64 = 2n ** 63n - 1n
const MIN_INT64 = -(2n ** 63n)

/** Beyond 2^53 a whole number stays the text it came as: a JSON number would lose its last digits. */
function toWhole(value: unknown): number | string | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : undefined
  const text = textOf(value)
  if (text === undefined || !/^[+-]?\d{1,20}$/.test(text)) return undefined
  const number = Number(text)
  // -0 would not survive JSON.
  if (Number.isSafeInteger(number)) return number === 0 ? 0 : number
  const whole = BigInt(text.replace("+", ""))
  return whole >= MIN_INT64 && whole <= MAX_INT64 ? String(whole) : undefined
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value
  const text = textOf(value)
  if (text === undefined || text.length > 400 || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
    return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : undefined
}

/** A value of the kind, or the JSON text of one. */
function readJson(value: unknown, isKind: (value: unknown) => boolean): unknown {
  if (isKind(value)) return value
  const parsed = typeof value === "string" ? parseJson(value) : undefined
  return isKind(parsed) ? parsed : undefined
}

/** Within the limits that every value in a flow has: what comes after walks it by recursion. */
function parseJson(text: string): unknown {
  try {
    return toJson(parseExactJson(text), { bytes: CEL_1_LIMITS.value_bytes }, CEL_1_LIMITS)
  } catch {
    return undefined
  }
}

/** RFC 3339, or a day with or without a time; handed on as it came. */
function toTime(value: unknown): string | undefined {
  const text = textOf(value)
  const parts = TIME.exec(text ?? "")
  if (text === undefined || parts === null) return undefined
  const [, day = "", clock = "00:00:00"] = parts
  const at = new Date(`${day}T${clock}Z`)
  // A day that no month has is read as one of the next month.
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day) ? text : undefined
}

const TIME =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?$/

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return "nothing"
  if (value instanceof Reference) return value.describe()
  if (isList(value)) return "a list"
  if (typeof value === "number") return Number.isInteger(value) ? "a number" : "a number with a fraction"
  if (typeof value === "boolean") return "true or false"
  return typeof value === "string" ? "text that is none" : "an object"
}
