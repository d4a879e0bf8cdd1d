/**
 * A call that is still tried says so (design 4.5): a record that nobody has to decide anything about. It becomes the
 * real one when the call fails for good, and resolves itself when the call ends well: never two for one call.
 */
import type { EarlyWarning } from "../contract/messages.ts"
import { undoPosition } from "./exception-position.ts"
import { closeException, isOpen, isWarned, openWarning } from "./exceptions.ts"
import { fitCode, fitMessage } from "./room.ts"
import type { MachineState } from "./state.ts"

/** One that comes after its call has ended, or a second time, is of no matter. @returns false for what is none. */
export function takeWarning(state: MachineState, warning: unknown): boolean {
  if (!state.escalates || !isWarning(warning)) return false
  const task = state.graph.positions.get(warning.task)
  if (task === undefined) return false
  const { operation } = warning
  const position = operation === "do" ? task : undoPosition(task)
  const found = state.exceptions.get(position)
  if (!isTried(state, task, warning) || (found && isOpen(found))) return true
  const [code, message] = [fitCode(warning.code), fitMessage(state, warning.message)]
  openWarning(state, position, { operation, code, message })
  return true
}

/** The call has ended, and nothing more is said of it. */
export function endWarning(state: MachineState, task: number, how: "auto_resolved" | "superseded"): void {
  if (isWarned(state, task)) closeException(state, task, { state: how, by: null })
}

function isTried(state: MachineState, task: number, { operation, generation }: EarlyWarning): boolean {
  const { tasks } = state
  if (generation !== (tasks.generation[task] ?? 1)) return false
  if (operation === "undo") return state.mode === "compensating" && tasks.undo.token[task] !== 0
  return state.mode === "forward" && tasks.token[task] !== 0 && tasks.asking[task] === 0
}

/** Anybody with a Temporal client can send one. */
function isWarning(value: unknown): value is EarlyWarning {
  if (typeof value !== "object" || value === null) return false
  const { task, operation, generation, code, message } = value as Partial<Record<keyof EarlyWarning, unknown>>
  return (
    typeof task === "string" &&
    (operation === "do" || operation === "undo") &&
    typeof generation === "number" &&
    typeof code === "string" &&
    typeof message === "string"
  )
}
