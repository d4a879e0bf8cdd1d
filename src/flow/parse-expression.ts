/**
 * CEL source to the stored tree, at publish. The grammar is the library's; what cel/1 has of it is decided
 * here: limits, functions, and how each is written.
 */
import { parse } from "@bufbuild/cel"
import type { Constant, Expr, Expr_Call, Expr_CreateStruct } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js"
import type { Tree } from "../contract/tree.ts"
import { OPERATORS, SIGNATURES, TYPE_NAMES } from "../expression/signatures.ts"
import { parseZone, ZONE_RULE } from "../expression/time-fields.ts"

/** Limits of cel/1 on the source; those on evaluation are in `expression/meter.ts`. */
export const SOURCE_LIMITS = { characters: 4_096, nodes: 2_000, depth: 64 } as const

export class ExpressionSyntaxError extends Error {
  override readonly name = "ExpressionSyntaxError"
  /** Where in the source, counted in characters from 0. */
  readonly offset?: number

  constructor(message: string, offset?: number, options?: ErrorOptions) {
    super(message, options)
    if (offset !== undefined) this.offset = offset
  }
}

/**
 * Parses one CEL expression (https://github.com/google/cel-spec, cel/1's functions). Macros come out
 * expanded to comprehensions. Throws `ExpressionSyntaxError`.
 */
export function parseExpression(source: string): Tree {
  if (source.length > SOURCE_LIMITS.characters) {
    throw new ExpressionSyntaxError(
      `an expression may have ${SOURCE_LIMITS.characters} characters, this one has ${source.length}`,
    )
  }
  if (source.trim() === "") throw new ExpressionSyntaxError("the expression is empty", 0)
  assertBracketDepth(source)
  const { expr, positions } = parseSource(source)
  const conversion: Conversion = { positions, nodes: 0 }
  return toTree(expr, conversion, 1)
}

/**
 * The end of the token at `at`: strings (raw and triple-quoted too), comments and names are one token, all
 * else is a character. What a bracket means can only be told with strings and comments out of the way.
 */
export function skipToken(source: string, at: number): number {
  NAME.lastIndex = at
  const name = NAME.exec(source)?.[0] ?? ""
  const next = at + name.length
  const quote = source[next]
  if ((quote === '"' || quote === "'") && (name === "" || STRING_PREFIX.test(name))) {
    return skipString(source, next, /r/i.test(name))
  }
  if (name !== "") return next
  if (source.startsWith("//", at)) return endOfLine(source, at)
  return at + 1
}

interface Conversion {
  /** Offset in the source per node id. */
  positions: Record<string, number>
  nodes: number
}

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const STRING_PREFIX = /^(r|b|br|rb)$/i
const MACROS = new Set(["all", "exists", "exists_one", "existsOne", "map", "filter"])

function skipString(source: string, at: number, raw: boolean): number {
  const quote = source.slice(at, at + 1)
  const end = source.startsWith(quote.repeat(3), at) ? quote.repeat(3) : quote
  let position = at + end.length
  while (position < source.length) {
    if (source.startsWith(end, position)) return position + end.length
    position += source[position] === "\\" && !raw ? 2 : 1
  }
  return source.length
}

function endOfLine(source: string, at: number): number {
  let position = at
  while (position < source.length && source[position] !== "\n" && source[position] !== "\r") position += 1
  return position
}

/** The library's parser recurses per bracket, so their depth is settled before it runs. */
function assertBracketDepth(source: string): void {
  let depth = 0
  for (let at = 0; at < source.length; at = skipToken(source, at)) {
    const character = source.charAt(at)
    if ("([{".includes(character)) depth += 1
    else if (")]}".includes(character)) depth -= 1
    if (depth > SOURCE_LIMITS.depth) throw tooDeep(at)
  }
}

function tooDeep(offset: number | undefined): ExpressionSyntaxError {
  return new ExpressionSyntaxError(`nested deeper than ${SOURCE_LIMITS.depth} levels`, offset)
}

function parseSource(source: string): { expr: Expr; positions: Record<string, number> } {
  try {
    // The grammar wants a line break after a comment, also after the last one.
    const { expr, sourceInfo } = parse(`${source}\n`)
    return { expr, positions: sourceInfo?.positions ?? {} }
  } catch (cause) {
    throw toSyntaxError(source, cause)
  }
}

/** The library throws errors with `location.start.offset`; a few (surrogates in a string) have none. */
function toSyntaxError(source: string, cause: unknown): ExpressionSyntaxError {
  if (!(cause instanceof Error)) return new ExpressionSyntaxError(String(cause), undefined, { cause })
  const found = offsetOf(cause)
  if (found === undefined) return new ExpressionSyntaxError(cause.message, undefined, { cause })
  const offset = Math.min(found, source.length)
  const rest = source.slice(offset, offset + 20)
  const reserved = cause.message.includes("reserved") ? ": this is a reserved word" : ""
  const message =
    rest === ""
      ? "the expression ends too early"
      : `not valid CEL from character ${offset + 1} on (\`${rest}\`)${reserved}`
  return new ExpressionSyntaxError(message, offset, { cause })
}

function offsetOf(error: Error): number | undefined {
  if (!("location" in error)) return undefined
  const { location } = error
  if (typeof location !== "object" || location === null || !("start" in location)) return undefined
  const { start } = location
  if (typeof start !== "object" || start === null || !("offset" in start)) return undefined
  return typeof start.offset === "number" ? start.offset : undefined
}

function toTree(expr: Expr | undefined, conversion: Conversion, depth: number): Tree {
  if (expr === undefined) throw new ExpressionSyntaxError("a part of the expression is missing")
  const offset = conversion.positions[expr.id.toString()]
  conversion.nodes += 1
  if (conversion.nodes > SOURCE_LIMITS.nodes) {
    throw new ExpressionSyntaxError(`an expression may have ${SOURCE_LIMITS.nodes} nodes`, offset)
  }
  if (depth > SOURCE_LIMITS.depth) throw tooDeep(offset)
  const { exprKind: kind } = expr
  const convert = (part: Expr | undefined) => toTree(part, conversion, depth + 1)
  switch (kind.case) {
    case "constExpr":
      return toConstant(kind.value, offset)
    case "identExpr":
      return ["v", kind.value.name]
    case "selectExpr":
      return kind.value.testOnly
        ? ["h", convert(kind.value.operand), kind.value.field]
        : toField(convert(kind.value.operand), kind.value.field)
    case "callExpr":
      return toCall(kind.value, offset, convert)
    case "listExpr":
      return ["l", ...kind.value.elements.map(convert)]
    case "structExpr":
      return toMap(kind.value, offset, convert)
    case "comprehensionExpr": {
      const { iterRange, iterVar, accuVar, accuInit, loopCondition, loopStep, result } = kind.value
      return [
        "q",
        convert(iterRange),
        iterVar,
        accuVar,
        convert(accuInit),
        convert(loopCondition),
        convert(loopStep),
        convert(result),
      ]
    }
    case undefined:
  }
  throw new ExpressionSyntaxError("a part of the expression is missing", offset)
}

/** `google.protobuf.Timestamp` is one name, of a type; nothing else has a namespace. */
function toField(operand: Tree, field: string): Tree {
  if (operand[0] === "f" && operand[2] === "protobuf" && operand[1][0] === "v") {
    const name = `${operand[1][1]}.protobuf.${field}`
    if (TYPE_NAMES.has(name)) return ["v", name]
  }
  return ["f", operand, field]
}

function toConstant({ constantKind: kind }: Constant, offset: number | undefined): Tree {
  switch (kind.case) {
    case "nullValue":
      return ["n"]
    case "boolValue":
      return ["b", kind.value]
    case "int64Value":
      return ["i", toStoredInteger(kind.value, BigInt.asIntN(64, kind.value), offset)]
    case "uint64Value":
      return ["u", toStoredInteger(kind.value, BigInt.asUintN(64, kind.value), offset)]
    case "doubleValue":
      return ["d", toStoredDouble(kind.value)]
    case "stringValue":
      return ["s", kind.value]
    case "bytesValue":
      return ["y", Buffer.from(kind.value).toString("base64")]
    case "durationValue":
    case "timestampValue":
    case undefined:
  }
  throw new ExpressionSyntaxError("a constant of a kind that cel/1 does not have", offset)
}

/** JSON has no -0, NaN or infinities, so these are text. */
function toStoredDouble(value: number): number | string {
  if (Object.is(value, -0)) return "-0"
  return Number.isFinite(value) ? value : String(value)
}

function toStoredInteger(value: bigint, wrapped: bigint, offset: number | undefined): number | string {
  if (value !== wrapped) throw new ExpressionSyntaxError(`${value} does not fit in 64 bits`, offset)
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function toMap(
  struct: Expr_CreateStruct,
  offset: number | undefined,
  convert: (part: Expr | undefined) => Tree,
): Tree {
  if (struct.messageName !== "") {
    throw new ExpressionSyntaxError(
      `${struct.messageName}{…} would build a protobuf message, which cel/1 does not have: write a map, {'field': value}`,
      offset,
    )
  }
  const members = struct.entries.flatMap(({ keyKind, value }) => {
    if (keyKind.case !== "mapKey") throw new ExpressionSyntaxError("a map needs keys such as 'name'", offset)
    return [convert(keyKind.value), convert(value)]
  })
  return ["m", ...members]
}

function toCall(
  call: Expr_Call,
  offset: number | undefined,
  convert: (part: Expr | undefined) => Tree,
): Tree {
  const { function: name, target } = call
  if (!OPERATORS.has(name)) assertFunction(call, offset)
  const receiver = target === undefined ? [] : [target]
  return ["c", name, ...[...receiver, ...call.args].map(convert)]
}

function assertFunction({ function: name, target, args }: Expr_Call, offset: number | undefined): void {
  const signature = SIGNATURES.get(name)
  if (signature === undefined) throw new ExpressionSyntaxError(unknownFunction(name), offset)
  const form = target === undefined ? "call" : "method"
  if (signature.form !== "both" && signature.form !== form) {
    throw new ExpressionSyntaxError(`${name} is written ${signature.usage}`, offset)
  }
  const count = args.length + (target === undefined ? 0 : 1)
  if (signature.zoned === true && count === signature.arity + 1) {
    assertZone(args.at(-1), offset)
    return
  }
  if (count !== signature.arity) {
    const given = target === undefined ? count : count - 1
    throw new ExpressionSyntaxError(
      `${name} is written ${signature.usage}; here it has ${given} ${given === 1 ? "argument" : "arguments"}`,
      offset,
    )
  }
}

/** One that is written out is judged at publish. */
function assertZone(zone: Expr | undefined, offset: number | undefined): void {
  if (zone?.exprKind.case !== "constExpr") return
  const { constantKind } = zone.exprKind.value
  if (constantKind.case === "stringValue" && parseZone(constantKind.value) === undefined)
    throw new ExpressionSyntaxError(ZONE_RULE, offset)
}

function unknownFunction(name: string): string {
  if (name === "has") return "has is written has(value.field): its argument must be a field"
  if (MACROS.has(name)) return `${name} is written list.${name}(x, expression), with a plain name for x`
  if (name === "matches") {
    return "there is no function matches: cel/1 has no regular expressions; use startsWith, endsWith or contains"
  }
  const names = [...SIGNATURES.keys(), "has", ...MACROS]
  return `there is no function ${name}; known are ${names.toSorted().join(", ")}`
}
