/** A tree back in words, for messages: paths in full, the rest as far as it is short. */
import { assertNever } from "../contract/errors.ts"
import type { Tree } from "../contract/tree.ts"

const LONGEST = 80

export function describeTree(tree: Tree): string {
  const text = write(tree, 0)
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`
}

/** Below this depth nothing would fit anyway. */
const DEEPEST = 12

function write(tree: Tree, depth: number): string {
  if (depth > DEEPEST) return "…"
  const inner = (part: Tree | undefined) => (part === undefined ? "" : write(part, depth + 1))
  switch (tree[0]) {
    case "n":
      return "null"
    case "b":
    case "i":
      return String(tree[1])
    case "d":
      return Number.isInteger(tree[1]) ? `${tree[1]}.0` : String(tree[1])
    case "u":
      return `${tree[1]}u`
    case "s":
      return `'${tree[1]}'`
    case "y":
      return "b'…'"
    case "v":
      return tree[1]
    case "f":
      return `${inner(tree[1])}.${tree[2]}`
    case "h":
      return `has(${inner(tree[1])}.${tree[2]})`
    case "c":
      return writeCall(tree, inner)
    case "l":
      return tree.length === 1 ? "[]" : "[…]"
    case "m":
      return tree.length === 1 ? "{}" : "{…}"
    case "q":
      return `${inner(tree[1])}.${nameMacro(tree)}(${tree[2]}, …)`
    default:
      return assertNever(tree)
  }
}

function writeCall(
  tree: Extract<Tree, readonly ["c", ...unknown[]]>,
  inner: (part: Tree | undefined) => string,
): string {
  const [, name, first, second, third] = tree
  const operand = (part: Tree | undefined) => (isInfix(part) ? `(${inner(part)})` : inner(part))
  if (name === "_[_]") return `${inner(first)}[${inner(second)}]`
  if (name === "_?_:_") return `${operand(first)} ? ${operand(second)} : ${operand(third)}`
  if (name === "-_" || name === "!_") return name.charAt(0) + operand(first)
  if (name === "@in") return `${operand(first)} in ${operand(second)}`
  if (name.startsWith("_")) return `${operand(first)} ${name.slice(1, -1)} ${operand(second)}`
  return second === undefined ? `${name}(${inner(first)})` : `${name}(${inner(first)}, ${inner(second)})`
}

/** Told by the accumulator's first value and the step, as the parser expands them. */
function nameMacro([, , , , init, , step]: Extract<Tree, readonly ["q", ...unknown[]]>): string {
  if (init[0] === "b") return init[1] ? "all" : "exists"
  if (init[0] === "i") return "exists_one"
  return step[0] === "c" && step[1] === "_?_:_" ? "filter" : "map"
}

function isInfix(tree: Tree | undefined): boolean {
  return tree?.[0] === "c" && (tree[1] === "@in" || /^_[^[]+_$/.test(tree[1]))
}
