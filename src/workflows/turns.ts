/**
 * Messages, a cancel and timers take their turn after the answers that came in the same activation, in the order in
 * which they came.
 *
 * A worker without the run in its cache gets what two workflow tasks brought as one activation, when the first of
 * them gave no command: the SDK takes that one for a heartbeat, and sorts the jobs of both. And an update is accepted
 * before its handler may do anything. So a message waits for its turn also where it came alone: only then do the
 * commands come in the same order in a replay. And a signal that led to no command leaves a mark, which is one: with
 * what came after it in one activation, it would take its turn too late. So does a step of an escalation.
 */
import { CancellationScope, condition, upsertMemo } from "@temporalio/workflow"
import { FLAGS } from "../contract/flags.ts"
import type { TimerPurpose } from "../engine/commands.ts"
import type { EventBody } from "../engine/events.ts"
import { stage } from "./stage.ts"

export interface Turns {
  /** Does a message's work in its turn; what the work throws, the promise throws. */
  take<Result>(work: () => Result): Result | Promise<Result>
  /** An event that no answer of a call brought: `cancel`, `timer`. */
  tell(event: EventBody): void
  /** Of a signal that led to no command, in its turn. @param count of the run's signals, with this one. */
  mark(count: number): void
  areOver(): boolean
}

export interface TurnsOptions {
  flags: readonly number[]
  /** A cancel of the root must not end the wait for a turn. */
  shield: CancellationScope
  /** Applies an event at once. Whether it led to commands that Temporal sees. */
  apply: (event: EventBody) => boolean
  /** Applies an event together with the answers of its activation. */
  post: (event: EventBody) => void
}

export function createTurns({ flags, shield, apply, post }: TurnsOptions): Turns {
  if (!flags.includes(FLAGS.messages_in_turn.id)) return createEarlyTurns({ apply, post })
  let waiting: (() => void)[] = []

  let steps = 0
  const markStep = () => upsertMemo({ escalations: ++steps })
  const takeAll = () => {
    const works = waiting
    waiting = []
    for (const work of works) work()
  }
  const take = <Result>(work: () => Result): Promise<Result> =>
    new Promise((resolve, reject) => {
      const turn = () => {
        try {
          resolve(work())
        } catch (thrown) {
          reject(thrown)
        }
      }
      if (waiting.push(turn) > 1) return
      // Conditions are asked again after the microtasks of the activation's jobs, in which answers are applied.
      void shield.run(() => condition(() => !stage.isActivating)).then(takeAll)
    })

  return {
    take,
    // What `apply` throws is a bug of ours: the rejection fails this workflow task until a fix is deployed.
    tell(event) {
      void take(() => {
        if (!apply(event) && event.kind === "timer" && MARKED.has(event.of)) markStep()
      })
    },
    mark: (count) => upsertMemo({ signals: count }),
    areOver: () => waiting.length === 0,
  }
}

/** Their timers may lead to no command at all. */
const MARKED: ReadonlySet<TimerPurpose> = new Set(["escalation", "approval"] as const)

/** Of runs that were started before messages took turns: they wait only where answers came with them. */
function createEarlyTurns({ apply, post }: Pick<TurnsOptions, "apply" | "post">): Turns {
  return {
    take: (work) => (stage.hasNews ? condition(() => !stage.hasNews).then(work) : work()),
    tell(event) {
      if (event.kind === "cancel") post(event)
      else apply(event)
    },
    mark: () => {},
    areOver: () => true,
  }
}
