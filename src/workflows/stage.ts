/** What the interceptors need of the run they belong to. One instance per run: this module is never preloaded. */
import type { StartInput } from "../contract/messages.ts"
import type { Machine } from "../engine/machine.ts"

export interface Stage {
  machine: Machine | undefined
  start: StartInput | undefined
  /**
   * This activation brings answers of calls that the machine has not taken yet: they wait in microtasks, while
   * an update is judged at once.
   */
  hasNews: boolean
  /** The jobs of an activation are handed out. */
  isActivating: boolean
  /** Records a message that was dropped before it reached a handler. */
  ignore: (what: string) => void
}

export const stage: Stage = {
  machine: undefined,
  start: undefined,
  hasNews: false,
  isActivating: false,
  ignore: () => {},
}
