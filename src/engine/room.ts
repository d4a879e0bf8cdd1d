/**
 * What a run may remember: bounded while it grows, and not when it has to travel (`contract/live-room.ts`).
 *
 * R1 `live` outputs have what start input, plan and the reserve for the rest of the snapshot leave of it.
 * R2 the reserve holds whatever a flow, its targets or people do: texts, decisions and their answers are
 * bounded one by one and in number.
 */
import { liveRoomOf } from "../contract/live-room.ts"
import type { MachineState } from "./state.ts"
import { cutText, jsonSize } from "./size.ts"

/** More than any start input has. */
const MOST_PARAMS_BYTES = 2 * 1024 * 1024

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
  state.liveRoom ??= liveRoomOf({
    planBytes: state.planBytes,
    paramsBytes: jsonSize(state.params, MOST_PARAMS_BYTES),
  })
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
