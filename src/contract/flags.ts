/**
 * The register of behaviour changes that could break a replay. A run carries the flags it was started
 * with, so that the engine never asks which build it is. Never reuse a number; a released flag stays.
 */
export const FLAGS = {} as const satisfies Record<string, { id: number; since: string; story: string }>

/** What a new run is started with. */
export const CURRENT_FLAGS: readonly number[] = Object.values(FLAGS as Record<string, { id: number }>).map(
  (flag) => flag.id,
)
