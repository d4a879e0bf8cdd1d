/** Keeps calls for one thing from crowding each other: so many at once, the others in the order they came. */

export interface Turns {
  /**
   * Calls `work` when it is its turn. A caller who has waited too long is told by `tooLate`, and `work` is never
   * called.
   */
  take<T>(
    key: string,
    work: () => Promise<T>,
    options: { patienceMs: number; tooLate: () => Error },
  ): Promise<T>
}

export function createTurns(atOnce: number): Turns {
  const lanes = new Map<string, { busy: number; waiting: Set<() => void> }>()

  const enter = (key: string, patienceMs: number, tooLate: () => Error): Promise<void> => {
    const lane = lanes.get(key) ?? { busy: 0, waiting: new Set<() => void>() }
    lanes.set(key, lane)
    if (lane.busy < atOnce) {
      lane.busy++
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const call = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(() => {
        lane.waiting.delete(call)
        reject(tooLate())
      }, patienceMs)
      lane.waiting.add(call)
    })
  }

  const leave = (key: string): void => {
    const lane = lanes.get(key)
    if (!lane) return
    // The place is handed on, so that nobody who comes now slips in between.
    const [next] = lane.waiting
    if (next) {
      lane.waiting.delete(next)
      next()
    } else if (--lane.busy === 0) lanes.delete(key)
  }

  return {
    async take(key, work, { patienceMs, tooLate }) {
      await enter(key, patienceMs, tooLate)
      try {
        return await work()
      } finally {
        leave(key)
      }
    },
  }
}
