/**
 * How much a run may remember of its tasks' outputs. A continue-as-new sends the start input, the plan and the
 * snapshot as one message, which Temporal takes up to 2 MiB, and fails the run for one byte more.
 */
import { MAX_INLINE_OUTPUT_BYTES } from "./activities.ts"
import type { Plan } from "./plan.ts"

const MESSAGE_BYTES = 2 * 1024 * 1024
/** The most that live outputs may take, however small the rest is. */
const MAX_LIVE_BYTES = 1024 * 1024
/** Headers, names, and what the snapshot holds besides outputs, deflated: see the test "R2" of `engine/room.ts`. */
const RESERVE_BYTES = 640 * 1024
/** So many of the largest inline outputs fit at once, or all that anybody reads. */
const LARGEST_AT_ONCE = 4

/** Bytes of JSON that the outputs may take which somebody may still read. Below zero what is sent without them may not fit. */
export function liveRoomOf({ planBytes, paramsBytes }: { planBytes: number; paramsBytes: number }): number {
  return Math.min(MAX_LIVE_BYTES, MESSAGE_BYTES - RESERVE_BYTES - planBytes - paramsBytes)
}

/** What a transaction of this plan should find free when it starts: its outputs come one after another. */
export function wantedRoomOf(plan: Pick<Plan, "tasks" | "output_reads">): number {
  const read = new Set([...plan.output_reads, ...plan.tasks.flatMap(readsOf)])
  return Math.min(read.size, LARGEST_AT_ONCE) * MAX_INLINE_OUTPUT_BYTES
}

/** Positions: what its compensation reads is kept as well. */
function readsOf({ reads, compensate }: Plan["tasks"][number], position: number): number[] {
  if (compensate === undefined || compensate === "none") return reads
  return [...reads, ...compensate.reads, ...(compensate.reads_own.includes("output") ? [position] : [])]
}
