/** `holdfast/barrier`: for services that Holdfast calls. How to use it: docs/barrier.md. */
export { type Barrier, type BarrierOptions, createBarrier } from "./barrier.ts"
export { BarrierError, type BarrierErrorCode } from "./barrier-error.ts"
export type { BarrierCall } from "./call.ts"
export { barrierKeyFromHeaders, type HeaderSource } from "./key-from-headers.ts"
export { mysql } from "./mysql.ts"
export type { ParticipantDatabase } from "./participant.ts"
export { postgres } from "./postgres.ts"
