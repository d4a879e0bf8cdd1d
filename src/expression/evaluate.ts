/**
 * The evaluator of stored trees: synchronous, metered, without clock, randomness or locale. It runs inside
 * workflows (every replay repeats it), in activities and in the API.
 *
 * I1  What an author wrote or a payload held ends in a value or in an `ExpressionError`, within the meter.
 * I2  Only own enumerable properties of data are visible; what is built has no prototype.
 * I3  Data is never changed; a result may share parts with the scope.
 * I4  Errors are absorbed by `&&`, `||` and the macros all/exists (as in CEL) and by `coalesce` (what is
 *     missing); a limit is absorbed by nothing.
 * I5  A `Reference` is handed on whole; whatever would look into it fails.
 */
import { assertNever } from "../contract/errors.ts"
import type { Tree } from "../contract/tree.ts"
import { findAppend } from "./append.ts"
import type { Append } from "./append.ts"
import { admitText, toJson } from "./border.ts"
import type { Allowance } from "./border.ts"
import { toText } from "./convert.ts"
import { Fault } from "./error.ts"
import { findName } from "./frame.ts"
import type { Frame, Run, Scope } from "./frame.ts"
import { FUNCTIONS } from "./functions.ts"
import { toInt, toUint } from "./integers.ts"
import { MapBuilder } from "./map-builder.ts"
import type { Meter } from "./meter.ts"
import { findField, findMember, explainNoField, explainNoMember, explainReference } from "./select.ts"
import { decodeBase64 } from "./text.ts"
import { Reference, isList, isMap, keysOf, nameKind } from "./values.ts"

/**
 * Evaluates a stored expression over JSON values. The result is JSON: an int is a number when it is a safe
 * integer, else text; bytes are base64; keys of maps are text. Objects that were built have no prototype.
 * Takes its steps from `meter`, which the caller keeps for a whole activation. Throws `ExpressionError`.
 */
export function evaluate(tree: Tree, scope: Scope, meter: Meter): unknown {
  return evaluateAs("json", tree, { scope, meter, at: undefined }, { bytes: meter.limits.value_bytes })
}

/** One of several expressions whose results share an allowance of size: as JSON, or as part of a text. */
export function evaluateAs(form: "json", tree: Tree, run: Run, allowance: Allowance): unknown
export function evaluateAs(form: "text", tree: Tree, run: Run, allowance: Allowance): string
export function evaluateAs(form: "json" | "text", tree: Tree, run: Run, allowance: Allowance): unknown {
  const { meter } = run
  meter.begin()
  run.at = tree
  try {
    const value = evaluateTree(tree, undefined, run)
    if (form === "json") return toJson(value, allowance, meter.limits)
    return admitText(toText(value), allowance, meter.limits)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    if (meter.spent) thrown.tree = tree
    throw place(thrown, run).toError()
  }
}

/** The value of a node, as `values.ts` holds values. Throws `Fault`. */
export function evaluateTree(tree: Tree, frame: Frame | undefined, run: Run): unknown {
  run.meter.spend(1)
  switch (tree[0]) {
    case "v":
      return orThrow(findName(tree[1], frame, run.scope))
    case "f": {
      const operand = evaluateTree(tree[1], frame, run)
      const value = findField(operand, tree[2])
      if (value === undefined) throw placeAt(explainNoField(operand, tree[2]), tree)
      return value
    }
    case "c":
      return evaluateCall(tree, frame, run)
    case "s":
    case "b":
      return tree[1]
    case "i":
      return toInt(typeof tree[1] === "number" ? tree[1] : BigInt(tree[1]))
    case "u":
      return toUint(typeof tree[1] === "number" ? tree[1] : BigInt(tree[1]))
    case "d":
      return Number(tree[1])
    case "n":
      return null
    case "y":
      return decodeBase64(tree[1])
    case "l":
      return evaluateList(tree, frame, run)
    case "m":
      return evaluateMap(tree, frame, run)
    case "h":
      return evaluateHas(tree, frame, run)
    case "q":
      return evaluateComprehension(tree, frame, run)
    default:
      return assertNever(tree)
  }
}

type Call = Extract<Tree, readonly ["c", ...unknown[]]>
type Comprehension = Extract<Tree, readonly ["q", ...unknown[]]>

function evaluateCall(tree: Call, frame: Frame | undefined, run: Run): unknown {
  switch (tree[1]) {
    case "_[_]":
      return evaluateIndex(tree, frame, run)
    case "_?_:_":
      return evaluateTernary(tree, frame, run)
    case "_&&_":
    case "_||_":
      return orThrow(evaluateLogic(tree, frame, run))
    case "coalesce": {
      const value = evaluateIfThere(argument(tree, 2), frame, run)
      return value === undefined || value === null ? evaluateTree(argument(tree, 3), frame, run) : value
    }
    case "@not_strictly_false":
      return evaluateSide(argument(tree, 2), frame, run) !== false
    default:
      return evaluateStrict(tree, frame, run)
  }
}

function evaluateStrict(tree: Call, frame: Frame | undefined, run: Run): unknown {
  const apply = FUNCTIONS.get(tree[1])
  if (apply === undefined) {
    throw new Fault("unknown_function", `this release has no function ${tree[1]}`)
  }
  const a = evaluateTree(argument(tree, 2), frame, run)
  const b = tree.length > 3 ? evaluateTree(argument(tree, 3), frame, run) : undefined
  run.at = tree
  if (a instanceof Reference) throw explainReference(a)
  if (b instanceof Reference) throw explainReference(b)
  return apply(a, b, run.meter)
}

function evaluateIndex(tree: Call, frame: Frame | undefined, run: Run): unknown {
  const operand = evaluateTree(argument(tree, 2), frame, run)
  const key = evaluateTree(argument(tree, 3), frame, run)
  run.at = tree
  const value = findMember(operand, key, run.meter)
  if (value === undefined) throw explainNoMember(operand)
  return value
}

function evaluateTernary(tree: Call, frame: Frame | undefined, run: Run): unknown {
  const test = evaluateTree(argument(tree, 2), frame, run)
  if (typeof test !== "boolean") throw placeAt(notBool("the condition of ? :", test), tree)
  return evaluateTree(argument(tree, test ? 3 : 4), frame, run)
}

/**
 * `&&` (decided by false) and `||` (decided by true). Commutative: a side that decides makes an error or a
 * wrong type on the other side irrelevant. A `Fault` is returned, not thrown, since loops of them are common.
 */
function evaluateLogic(tree: Call, frame: Frame | undefined, run: Run): boolean | Fault {
  const decides = tree[1] === "_||_"
  const left = evaluateSide(argument(tree, 2), frame, run)
  if (left === decides) return decides
  const right = evaluateSide(argument(tree, 3), frame, run)
  if (right === decides) return decides
  if (typeof left === "boolean" && typeof right === "boolean") return !decides
  for (const side of [left, right]) {
    if (side instanceof Fault) return side
    if (typeof side !== "boolean") return placeAt(notBool(decides ? "||" : "&&", side), tree)
  }
  return !decides
}

/** A value or the `Fault` that stands for it. Limits are thrown, and what is no fault at all. */
function evaluateSide(tree: Tree, frame: Frame | undefined, run: Run): unknown {
  if (tree[0] === "v" || (tree[0] === "c" && (tree[1] === "_&&_" || tree[1] === "_||_"))) {
    run.meter.spend(1)
    return tree[0] === "v" ? findName(tree[1], frame, run.scope) : evaluateLogic(tree, frame, run)
  }
  try {
    return evaluateTree(tree, frame, run)
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code !== "limit_exceeded") return place(thrown, run)
    throw thrown
  }
}

/** `undefined` for what is missing. Fields and members take a way without exceptions: a default is no rare case. */
function evaluateIfThere(tree: Tree, frame: Frame | undefined, run: Run): unknown {
  if (tree[0] === "f") {
    run.meter.spend(1)
    const operand = evaluateIfThere(tree[1], frame, run)
    if (operand === undefined || operand === null) return undefined
    const value = findField(operand, tree[2])
    if (value === undefined && !isMap(operand)) throw placeAt(explainNoField(operand, tree[2]), tree)
    return value
  }
  const value = evaluateSide(tree, frame, run)
  if (!(value instanceof Fault)) return value
  if (value.code === "missing_field" || value.code === "index_out_of_range") return undefined
  throw value
}

function evaluateList(tree: Tree, frame: Frame | undefined, run: Run): unknown[] {
  const list: unknown[] = []
  for (let at = 1; at < tree.length; at += 1) list.push(evaluateTree(argument(tree, at), frame, run))
  return list
}

function evaluateMap(tree: Tree, frame: Frame | undefined, run: Run): unknown {
  const builder = new MapBuilder(run.meter)
  for (let at = 1; at < tree.length; at += 2) {
    const key = evaluateTree(argument(tree, at), frame, run)
    const value = evaluateTree(argument(tree, at + 1), frame, run)
    run.at = tree
    builder.add(key, value)
  }
  return builder.build()
}

function evaluateHas(
  tree: Extract<Tree, readonly ["h", ...unknown[]]>,
  frame: Frame | undefined,
  run: Run,
): boolean {
  const operand = evaluateTree(tree[1], frame, run)
  if (!isMap(operand)) throw placeAt(explainNoField(operand, tree[2]), tree)
  return findField(operand, tree[2]) !== undefined
}

function evaluateComprehension(tree: Comprehension, outer: Frame | undefined, run: Run): unknown {
  const [, range, variable, accumulator, init, condition, step, result] = tree
  const members = toMembers(evaluateTree(range, outer, run), tree, run)
  const accumulated = evaluateTree(init, outer, run)
  const frame: Frame = { variable, value: undefined, accumulator, accumulated, outer }
  const append = findAppend(init, step, accumulator)
  for (const member of members) {
    run.meter.spend(1)
    frame.value = member
    if (append !== undefined) {
      appendMember(append, frame, run)
      continue
    }
    // An error is kept like a value, and ends no loop: `false` of a later turn may still decide an `all`.
    if (!(frame.accumulated instanceof Fault) && evaluateTree(condition, frame, run) !== true) break
    frame.accumulated = evaluateSide(step, frame, run)
  }
  return evaluateTree(result, frame, run)
}

function toMembers(range: unknown, tree: Comprehension, run: Run): readonly unknown[] {
  run.at = tree
  if (isList(range)) return range
  if (isMap(range)) return keysOf(range, run.meter)
  throw new Fault("type_mismatch", `a macro takes a list or a map, not ${nameKind(range)}`)
}

function appendMember({ member, test }: Append, frame: Frame, run: Run): void {
  if (test !== undefined) {
    const chosen = evaluateTree(test, frame, run)
    if (typeof chosen !== "boolean") throw placeAt(notBool("the condition of a macro", chosen), test)
    if (!chosen) return
  }
  // `findAppend` saw that this array began empty in this loop and that nothing else can touch it.
  const list = frame.accumulated as unknown[]
  run.meter.admit(list.length + 1, "a list")
  list.push(evaluateTree(member, frame, run))
}

function notBool(what: string, value: unknown): Fault {
  return new Fault("type_mismatch", `${what} takes a bool, not ${nameKind(value)}`)
}

function orThrow(value: unknown): unknown {
  if (value instanceof Fault) throw value
  return value
}

/** Says where a fault happened, unless that is said already: in the function that ran last. */
function place(fault: Fault, run: Run): Fault {
  fault.tree ??= run.at
  return fault
}

function placeAt(fault: Fault, tree: Tree): Fault {
  fault.tree = tree
  return fault
}

/** A child of a node, whose presence the parser's check of arguments guarantees. */
function argument(tree: Tree, at: number): Tree {
  return tree[at] as Tree
}
