/** Where a record is kept: one for each task, for each compensation, and for the transaction itself. */

/** The transaction's own. A task's is under the task's position. */
export const TRANSACTION = -1

/** Of a task's compensation; and the task's position again, of such a one. */
export const undoPosition = (position: number): number => -2 - position
