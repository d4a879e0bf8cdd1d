/**
 * The register of behaviour changes that could break a replay. A run carries the flags it was started
 * with, so that the engine never asks which build it is. Never reuse a number; a released flag stays.
 */
export const FLAGS = {
  outputs_by_reference: {
    id: 1,
    since: "0.1.0",
    story:
      "An answer may say that its output is kept by reference. An engine that does not know that would take the output for null and hand it on.",
  },
  messages_in_turn: {
    id: 2,
    since: "0.1.0",
    story:
      "Signals, updates, a cancel and timers take effect after the answers of their activation, also where there are none. Before, a signal beside an update acted first, and a replay that got both together with an older answer found the commands in another order.",
  },
  compensation: {
    id: 3,
    since: "0.1.0",
    story:
      "A plan may say how its tasks are undone. An engine that does not know that would end such a transaction as failed, with its effects in place.",
  },
  probe: {
    id: 4,
    since: "0.1.0",
    story:
      "A plan may say how a target is asked what became of a call. An engine that does not know that would park at once, and not find the question in the history.",
  },
  approvals_expire: {
    id: 5,
    since: "0.1.0",
    story:
      "A decision that waits for a second person has a timer. Before, the engine knew no such decision, and its refusal can be in the history: a replay would ask for the timer there. Such a run has none, and what is over is noticed with whatever happens next.",
  },
  escalation: {
    id: 6,
    since: "0.1.0",
    story:
      "A plan may say when its exceptions escalate, and a call that goes on failing may warn. An engine that does not know that would tell nobody, and not find the timers in the history.",
  },
  ask_after_refusal: {
    id: 7,
    since: "0.1.0",
    story:
      "A refusal after a fencing question that nobody answered is asked about. Before, the task ended with it, and every retry under the key that the question had fenced off was refused again.",
  },
  proven_repeats: {
    id: 8,
    since: "0.1.0",
    story:
      "What may have run is not taken for something that did not. Before, a polled call that found no worker in time counted as not executed though an earlier attempt had been taken; a run that was reset doubted only what had no outcome, and doubted it in the replayed past as well; and a failed run that went on repeated a fenced call which a person had said was done.",
  },
  commands_in_order: {
    id: 9,
    since: "0.1.0",
    story:
      "A call that was wanted before the transaction turned back is cancelled with the others. Before, the calls of an activation were made after its cancels, and this one ran on.",
  },
} as const satisfies Readonly<Record<string, { id: number; since: string; story: string }>>

/** What a new run is started with. */
export const CURRENT_FLAGS: readonly number[] = Object.values(FLAGS).map((flag) => flag.id)

/** @throws a plain error for a flag of a later build: this one must not run what it does not know. */
export function assertKnownFlags(flags: readonly unknown[]): void {
  const unknown = flags.filter((id) => !CURRENT_FLAGS.some((known) => known === id))
  if (unknown.length > 0)
    throw new Error(`this build does not know the behaviour flags ${unknown.join(", ")}`)
}
