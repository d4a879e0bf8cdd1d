/** Finds the name that was probably meant. */

/** A flow full of wrong names must not take seconds: beyond this many questions there is no suggestion. */
const MAX_QUESTIONS = 200
const MAX_DISTANCE = 3

export type FindNearest = (name: string, known: Iterable<string>) => string | undefined

/** One finder serves one document. Ties go to the name that comes first. */
export function createNearest(): FindNearest {
  let questions = 0
  return (name, known) => (++questions > MAX_QUESTIONS ? undefined : findNearest(name, known))
}

/** The known name with the fewest edits, if those are at most a third of the name (three at most). */
export function findNearest(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.min(MAX_DISTANCE, Math.max(1, Math.floor(name.length / 3)))
  let best: { name: string; distance: number } | undefined
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) > limit || candidate.length > 128) continue
    const distance = candidate.toLowerCase() === name.toLowerCase() ? 0.5 : editDistance(name, candidate)
    if (distance <= limit && distance < (best?.distance ?? Infinity)) best = { name: candidate, distance }
  }
  return best?.name
}

/** Optimal string alignment: insertions, deletions, replacements and swapped neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let distance = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      )
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) distance = Math.min(distance, (before[column - 2] ?? 0) + 1)
      current.push(distance)
    }
    before = last
    last = current
  }
  return last[b.length] ?? 0
}
