/** A min-heap of task positions: what is ready leaves in definition order, whatever order it became ready in. */
export interface ReadyQueue {
  readonly size: number
  push(task: number): void
  pop(): number
  clear(): void
}

export function createReadyQueue(): ReadyQueue {
  const heap: number[] = []

  const at = (index: number): number => heap[index] ?? Number.POSITIVE_INFINITY
  const swap = (a: number, b: number) => {
    const kept = at(a)
    heap[a] = at(b)
    heap[b] = kept
  }
  const sink = (from: number) => {
    let parent = from
    for (;;) {
      const left = 2 * parent + 1
      const right = left + 1
      let least = parent
      if (at(left) < at(least)) least = left
      if (at(right) < at(least)) least = right
      if (least === parent) return
      swap(parent, least)
      parent = least
    }
  }

  return {
    get size() {
      return heap.length
    },
    push(task) {
      let child = heap.push(task) - 1
      while (child > 0) {
        const parent = (child - 1) >> 1
        if (at(parent) <= at(child)) return
        swap(parent, child)
        child = parent
      }
    },
    pop() {
      const first = heap[0]
      const last = heap.pop()
      if (first === undefined || last === undefined) throw new Error("nothing is ready")
      if (heap.length > 0) {
        heap[0] = last
        sink(0)
      }
      return first
    },
    clear() {
      heap.length = 0
    },
  }
}
