/** One follower's place in an `EventWatch`. */
export interface Subscription {
  /** Resolves when there was news since the last call, when it is over, or after so many milliseconds. */
  next(timeoutMs: number): Promise<void>
  /** It was left, or the watch was closed. */
  isOver(): boolean
  leave(): void
}

export interface OwnSubscription extends Subscription {
  /** There is news. Counts also while nobody waits in `next`. */
  wake(): void
}

export function createSubscription(onLeave: () => void): OwnSubscription {
  let hasNews = false
  let isOver = false
  let resume: (() => void) | undefined
  const wake = (): void => {
    hasNews = true
    resume?.()
  }
  return {
    wake,
    isOver: () => isOver,
    leave() {
      if (isOver) return
      isOver = true
      onLeave()
      wake()
    },
    async next(timeoutMs) {
      if (!hasNews && !isOver) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs)
          resume = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        resume = undefined
      }
      hasNews = false
    },
  }
}
