/** Which names a template reads: what the plan's `reads` and `requires` are made from. */
import type { Template, Tree } from "../contract/tree.ts"
import { TYPE_NAMES } from "../expression/signatures.ts"
import type { Graph } from "./graph.ts"
import { toPointer } from "./parse-template.ts"

export interface Reference {
  /** The free name. */
  root: string
  /** Its constant fields as far as they go: `tasks['a-b'].output[0].x` has `["a-b", "output"]`. */
  path: string[]
  /**
   * Inside the first argument of `coalesce`. `has()` guards nothing: the operand of `has(tasks.a.output.x)`
   * is still an error when the output is null.
   */
  guarded: boolean
  /** JSON Pointer to the string that holds the expression, inside the compiled value. */
  pointer: string
}

/** All references in definition order, repeats included. Variables of macros and names of types are none. */
export function referencesOf(template: Template): Reference[] {
  const found: Reference[] = []
  walkTemplate(template, "", found)
  return found
}

interface Walk {
  found: Reference[]
  pointer: string
  guarded: boolean
  /** Variables of the macros around. */
  bound: readonly string[]
}

function walkTemplate(template: Template, pointer: string, found: Reference[]): void {
  if (typeof template !== "object" || template === null) return
  const walk: Walk = { found, pointer, guarded: false, bound: [] }
  if (!isTagged(template)) {
    for (const [key, member] of Object.entries(template))
      walkTemplate(member, pointer + toPointer(key), found)
    return
  }
  switch (template[0]) {
    case "'":
      return
    case "$":
      walkTree(template[1], walk)
      return
    case "+":
      for (const part of template.slice(1)) if (typeof part === "object") walkTree(part, walk)
      return
    case "[":
      for (const [index, member] of template.slice(1).entries()) {
        walkTemplate(member, pointer + toPointer(index), found)
      }
  }
}

type Tagged = Extract<Template, readonly unknown[]>

function isTagged(template: Template): template is Tagged {
  return Array.isArray(template)
}

function walkTree(tree: Tree, walk: Walk): void {
  const path = pathOf(tree)
  if (path !== undefined) {
    const { root, fields } = path
    if (walk.bound.includes(root) || (fields.length === 0 && TYPE_NAMES.has(root))) return
    walk.found.push({ root, path: fields, guarded: walk.guarded, pointer: walk.pointer })
    return
  }
  switch (tree[0]) {
    case "n":
    case "b":
    case "i":
    case "u":
    case "d":
    case "s":
    case "y":
    case "v":
      return
    case "f":
    case "h":
      walkTree(tree[1], walk)
      return
    case "c":
      walkCall(tree, walk)
      return
    case "l":
    case "m":
      for (const member of parts(tree, 1)) walkTree(member, walk)
      return
    case "q": {
      const [, range, variable, accumulator, init, condition, step, result] = tree
      walkTree(range, walk)
      walkTree(init, walk)
      const inner = { ...walk, bound: [...walk.bound, variable, accumulator] }
      for (const part of [condition, step, result]) walkTree(part, inner)
    }
  }
}

function walkCall(tree: Extract<Tree, readonly ["c", ...unknown[]]>, walk: Walk): void {
  for (const [position, argument] of parts(tree, 2).entries()) {
    const guarded = walk.guarded || (tree[1] === "coalesce" && position === 0)
    walkTree(argument, { ...walk, guarded })
  }
}

/** A chain of constant fields on a name, as far as the whole tree is one. */
function pathOf(tree: Tree): { root: string; fields: string[] } | undefined {
  if (tree[0] === "v") return { root: tree[1], fields: [] }
  if (tree[0] === "f" || tree[0] === "h") return extend(tree[1], tree[2])
  if (tree[0] === "c" && tree[1] === "_[_]") {
    const [operand, key] = parts(tree, 2)
    if (operand !== undefined && key?.[0] === "s") return extend(operand, key[1])
  }
  return undefined
}

function extend(operand: Tree, field: string): { root: string; fields: string[] } | undefined {
  const path = pathOf(operand)
  path?.fields.push(field)
  return path
}

function parts(tree: Tree, from: number): Tree[] {
  // The contract's shapes: from this position on, all members of these nodes are trees.
  return tree.slice(from) as Tree[]
}

/** Positions of the tasks that are read, in order and without repeats. */
export function tasksOf(references: readonly Reference[], graph: Graph): number[] {
  const found = new Set<number>()
  for (const { root, path } of references) {
    const position = root === "tasks" && path[0] !== undefined ? graph.positionOf(path[0]) : undefined
    if (position !== undefined) found.add(position)
  }
  return [...found].toSorted((a, b) => a - b)
}
