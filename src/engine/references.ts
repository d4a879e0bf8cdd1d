/**
 * Outputs that are kept by reference, where values leave the engine: a call says beside its data where the kept
 * values belong, rows and results tell a reader where they are. In neither is anything left that is no JSON.
 */
import type { CallInput, PlacedReference } from "../contract/activities.ts"
import { Reference } from "../expression/values.ts"
import type { MachineState } from "./state.ts"

/** Whether a value made of these tasks' outputs may hold a reference: most never do, and then nobody looks. */
export function mayHoldReference(state: MachineState, reads: readonly number[]): boolean {
  return reads.some((task) => state.tasks.output[task] instanceof Reference)
}

/** The call with null in the place of each reference, and with the list of them. */
export function placeReferences(call: CallInput): CallInput {
  const references: PlacedReference[] = []
  const { config, input } = call
  const replace = (reference: Reference, at: readonly Step[]) => {
    references.push({ ...reference.output, at: [...at] })
    return null
  }
  // An object stays an object: only what is inside of it is replaced.
  const placed = { ...call, config: replaceIn(config, ["config"], replace) as CallInput["config"] }
  if (input !== undefined) placed.input = replaceIn(input, ["input"], replace)
  return references.length === 0 ? placed : { ...placed, references }
}

/** For a person: rows, and the flow's own output. Whoever makes a call of it gets no kept value for it. */
export function showReferences(value: unknown): unknown {
  return replaceIn(value, [], ({ task, output }) => ({
    by_reference: { task, ...output, read: `GET /api/v1/transactions/{id}/tasks/${task}/output` },
  }))
}

type Step = string | number
type Replace = (reference: Reference, at: readonly Step[]) => unknown

/** A copy as far as there is something to replace; the same value where there is nothing. */
function replaceIn(value: unknown, at: readonly Step[], replace: Replace): unknown {
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Reference) return replace(value, at)
  if (Array.isArray(value)) {
    const copy = value.map((member, index) => replaceIn(member, [...at, index], replace))
    return copy.every((member, index) => member === value[index]) ? value : copy
  }
  const copy: Record<string, unknown> = Object.create(null)
  let changed = false
  for (const [key, member] of Object.entries(value)) {
    copy[key] = replaceIn(member, [...at, key], replace)
    changed ||= copy[key] !== member
  }
  return changed ? copy : value
}
