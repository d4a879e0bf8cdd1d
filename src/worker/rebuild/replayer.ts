/**
 * Replays histories, one after the other, and gives what the runs would have told the mirror: the same engine, no
 * second fold. One replay worker for all, since making one takes longer than most replays.
 */
import { type InjectedSinks, type ReplayWorkerOptions, Worker } from "@temporalio/worker"
import { toError } from "../../contract/errors.ts"
import { REPLAY_FOR_MIRROR } from "../../contract/messages.ts"
import type { MirrorChange } from "../../contract/rows.ts"
import { builtWorkflowBundle } from "../bundle.ts"
import type { History } from "./read-runs.ts"

/** This build comes to other commands than the history has. */
export class UnreplayableHistory extends Error {
  override readonly name = "UnreplayableHistory"
}

export interface Replayer {
  /** @returns the changes of all activations, oldest first. @throws UnreplayableHistory, or what ended the worker. */
  replay(workflowId: string, history: History): Promise<MirrorChange[]>
  /** Lets what was asked for finish first. @throws what ended the replay worker. */
  close(): Promise<void>
}

interface Job {
  workflowId: string
  history: History
  changes: MirrorChange[]
  resolve: (changes: MirrorChange[]) => void
  reject: (error: Error) => void
}

type MirrorSinks = { mirror: { push(change: MirrorChange): void } }

export function createReplayer(): Replayer {
  return new QueueReplayer()
}

class QueueReplayer implements Replayer {
  readonly #waiting: Job[] = []
  #current: Job | undefined
  #wake: () => void = () => {}
  #running: Promise<void> | undefined
  #isClosing = false
  #failure: Error | undefined

  replay(workflowId: string, history: History): Promise<MirrorChange[]> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ workflowId, history, changes: [], resolve, reject })
      this.#wake()
      this.#running ??= this.#run()
    })
  }

  async close(): Promise<void> {
    this.#isClosing = true
    this.#wake()
    await this.#running
    if (this.#failure) throw this.#failure
  }

  /** Never rejects: those who wait are told, and `close`. */
  async #run(): Promise<void> {
    try {
      for await (const { error } of Worker.runReplayHistories(this.#options(), this.#histories())) {
        const job = this.#current
        this.#current = undefined
        if (error) job?.reject(new UnreplayableHistory(error.message, { cause: error }))
        else job?.resolve(job.changes)
      }
    } catch (thrown) {
      this.#failure = toError(thrown)
      for (const job of [this.#current, ...this.#waiting]) job?.reject(this.#failure)
    }
  }

  /** The worker takes the next history when the one before is through. */
  async *#histories(): AsyncGenerator<{ workflowId: string; history: History }> {
    for (;;) {
      this.#current = this.#waiting.shift()
      if (this.#current) yield { workflowId: this.#current.workflowId, history: this.#current.history }
      else if (this.#isClosing) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #options(): ReplayWorkerOptions {
    const sinks: InjectedSinks<MirrorSinks> = {
      mirror: {
        push: { fn: (_info, change) => void this.#current?.changes.push(change), callDuringReplay: true },
      },
    }
    const options = { workflowBundle: builtWorkflowBundle(), replayName: REPLAY_FOR_MIRROR, sinks }
    // The types leave `debugMode` out, the code takes it: the same kind of context as in a worker.
    return { ...options, debugMode: false } as ReplayWorkerOptions
  }
}
