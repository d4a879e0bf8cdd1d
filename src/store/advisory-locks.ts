/** Postgres advisory locks of this database. Two numbers each, so that nobody's single-number locks collide. */

/** "HOLD" in ASCII. */
export const LOCK_CLASS = 0x484f4c44
/** Held by the process that migrates; others wait for it. */
export const LOCK_MIGRATE = 1
/** Held by the leading sweeper. */
export const LOCK_SWEEPER = 2
/** Held while attempt partitions are made. */
export const LOCK_PARTITIONS = 3
/** Held while it is decided whether this is the first start. */
export const LOCK_FIRST_KEY = 4

/** Held from the moment the ids of events are given until these are committed. */
export const LOCK_EVENTS = 5

/** "HOLR": the second number is a hash of a workflow id, whose closed run another one follows at this moment. */
export const LOCK_CLASS_RESUME = 0x484f4c52

/** "HOLK": the second number is a hash of what no two transactions of a flow may have in common. */
export const LOCK_CLASS_ONCE = 0x484f4c4b

/** "HOLW": the second number is the id of a `mirror_writer` row, whose process lives as long as the lock. */
export const LOCK_CLASS_WRITER = 0x484f4c57
