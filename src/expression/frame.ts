/** Where names are looked up: the variables of macros, then the scope, then the types. */
import type { Tree } from "../contract/tree.ts"
import { Fault } from "./error.ts"
import type { Meter } from "./meter.ts"
import { TYPE_NAMES } from "./signatures.ts"
import { TypeValue, getField } from "./values.ts"

/** Names and their JSON values. */
export type Scope = Readonly<Record<string, unknown>>

/** What an evaluation carries through the tree. */
export interface Run {
  readonly scope: Scope
  readonly meter: Meter
  /** The call whose function runs: where its faults happen. Cheaper than a `catch` around every call. */
  at: Tree | undefined
}

/** The variables of a macro, and those of the macros around it. */
export interface Frame {
  variable: string
  value: unknown
  accumulator: string
  /** A `Fault` while the loop goes on, since a later turn may make it irrelevant. */
  accumulated: unknown
  outer: Frame | undefined
}

/** The value of a name, or the `Fault` that an accumulator holds or that an unknown name is. */
export function findName(name: string, frame: Frame | undefined, scope: Scope): unknown {
  for (let at = frame; at !== undefined; at = at.outer) {
    if (name === at.variable) return at.value
    if (name === at.accumulator) return at.accumulated
  }
  const value = getField(scope, name)
  if (value !== undefined) return value
  if (TYPE_NAMES.has(name)) return new TypeValue(name)
  const fault = new Fault("unknown_name", () => {
    const known = Object.keys(scope).filter((key) => scope[key] !== undefined)
    return `there is no such name here; known are ${known.join(", ")}`
  })
  fault.tree = ["v", name]
  return fault
}
