/**
 * `map` and `filter` expand to `accumulator + [member]`, which would copy n² members. The accumulator has a
 * name that no author can write, so such a step may append in place.
 */
import type { Tree } from "../contract/tree.ts"

export interface Append {
  member: Tree
  /** The condition of `filter`. */
  test: Tree | undefined
}

/** `undefined` when the step is anything but an append to a list that the macro itself began. */
export function findAppend(init: Tree, step: Tree, accumulator: string): Append | undefined {
  if (init[0] !== "l" || init.length !== 1 || step[0] !== "c") return undefined
  if (step[1] !== "_?_:_") return readAppend(step, accumulator, undefined)
  const [, , test, then, otherwise] = step
  return isName(otherwise, accumulator) ? readAppend(then, accumulator, test) : undefined
}

function readAppend(step: Tree | undefined, accumulator: string, test: Tree | undefined): Append | undefined {
  if (step?.[0] !== "c" || step[1] !== "_+_" || !isName(step[2], accumulator)) return undefined
  const added = step[3]
  if (added?.[0] !== "l" || added.length !== 2) return undefined
  // The contract's shape: members of a list are trees.
  return { member: added[1] as Tree, test }
}

function isName(tree: Tree | undefined, name: string): boolean {
  return tree?.[0] === "v" && tree[1] === name
}
