/** Over the turns of one cell, or the latencies of one window. */

export interface Spread {
  median: number
  min: number
  max: number
}

/** @throws RangeError for no values: there is no median of nothing. */
export function toSpread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const [min, max] = [sorted.at(0), sorted.at(-1)]
  if (min === undefined || max === undefined) throw new RangeError("expected at least one value, got none")
  return { median: quantile(sorted, 0.5), min, max }
}

/** Linear between neighbours. `sorted` in ascending order, not empty. */
export function quantile(sorted: readonly number[], part: number): number {
  const position = (sorted.length - 1) * part
  const below = sorted[Math.floor(position)]
  const above = sorted[Math.ceil(position)]
  if (below === undefined || above === undefined)
    throw new RangeError(`expected values and a part from 0 to 1, got ${sorted.length} and ${part}`)
  return below + (above - below) * (position - Math.floor(position))
}
