/**
 * What a run may remember. A continue-as-new sends the start input, the plan and the snapshot as one message,
 * which Temporal takes up to 2 MiB, and fails the run for one byte more: so the memory is bounded while it
 * grows, and not when it has to travel.
 *
 * R1 `live` outputs have what start input, plan and the reserve for the rest of the snapshot leave of it.
 * R2 the reserve holds whatever a flow, its targets or people do: texts, decisions and their answers are
 * bounded one by one and in number.
 */
import type { MachineState } from "./state.ts"
import { cutText, jsonSize } from "./size.ts"

const MESSAGE_BYTES = 2 * 1024 * 1024
/** The most that live outputs may take, however small the rest is. */
const MAX_LIVE_BYTES = 1024 * 1024
/** Headers, names, and what the snapshot holds besides outputs, deflated: see the test "R2". */
const RESERVE_BYTES = 640 * 1024

/** Temporal's message for a failure of a target may be long; a run with many of them keeps less of each. */
const LONG_TEXT_BYTES = 2_000
const SHORT_TEXT_BYTES = 120
const LONG_TEXTS = 32
const CODE_BYTES = 100

/** A decision without its output: names, reason, evidence. */
export const MAX_DECISION_BYTES = 16 * 1024
/** The most that the newest decisions, and their answers, take in a snapshot or a view. */
const MAX_DECISIONS_BYTES = 128 * 1024
const MAX_DECISIONS = 500

/** Bytes of JSON that the outputs may take which somebody may still read. */
export function liveRoom(state: MachineState): number {
  state.liveRoom ??= Math.min(
    MAX_LIVE_BYTES,
    MESSAGE_BYTES - RESERVE_BYTES - state.planBytes - jsonSize(state.params, MESSAGE_BYTES),
  )
  return state.liveRoom
}

/** An error's message as it is kept: whole while few tasks failed. */
export function fitMessage(state: MachineState, message: string): string {
  return cutText(message, state.exceptions.size < LONG_TEXTS ? LONG_TEXT_BYTES : SHORT_TEXT_BYTES)
}

export function fitCode(code: string): string {
  return cutText(code, CODE_BYTES)
}

/** The end of a list that travels, oldest first. */
export function newestOf<Item>(items: readonly Item[]): Item[] {
  const kept: Item[] = []
  let bytes = 0
  for (const item of items.slice(-MAX_DECISIONS).toReversed()) {
    bytes += jsonSize(item, MAX_DECISIONS_BYTES)
    if (bytes > MAX_DECISIONS_BYTES) break
    kept.push(item)
  }
  return kept.toReversed()
}
