/** The same work done with something and without it, in short turns, so that the drift of the machine meets both. */
import { runClosedLoop } from "../closed-loop.ts"
import { showSpread } from "../report.ts"
import { toSpread } from "../statistics.ts"
import type { Finding } from "./scenario.ts"

/** One piece of work; a number of its own each. */
export type Once = (serial: number) => Promise<void>

export interface Pair {
  what: string
  without: Once
  with: Once
  close: () => Promise<unknown>
}

export interface Pace {
  callers: number
  /** Of each of the two, once. */
  firstWarmUpMs: number
  /** Of each turn. */
  warmUpMs: number
  windowMs: number
  turns: number
}

const WAYS = ["without", "with"] as const

/** Measures a pair and closes it. */
export function measureOn({ name }: { name: string }, pair: Pair, pace: Pace): Promise<Finding> {
  return measurePair({ ...pair, what: `${name}, ${pair.what}` }, pace)
}

async function measurePair(pair: Pair, pace: Pace): Promise<Finding> {
  const { callers: concurrency, firstWarmUpMs, warmUpMs, windowMs, turns } = pace
  let nextSerial = 0
  const perSecond = async (way: (typeof WAYS)[number], warmUp: number): Promise<number> => {
    const once = () => pair[way](nextSerial++)
    const loop = await runClosedLoop({ concurrency, warmUpMs: warmUp, windowMs, once, onEdge: () => {} })
    return (loop.ended * 1_000) / loop.windowMs
  }
  const rates: Record<(typeof WAYS)[number], number[]> = { without: [], with: [] }
  try {
    for (const way of WAYS) await perSecond(way, firstWarmUpMs)
    for (let turn = 0; turn < turns; turn++)
      // Whoever is first in a turn is second in the next.
      for (const way of turn % 2 === 0 ? WAYS : WAYS.toReversed())
        rates[way].push(await perSecond(way, warmUpMs))
  } finally {
    await pair.close()
  }
  const ratio = toSpread(rates.with.map((rate, turn) => rate / (rates.without[turn] ?? Number.NaN)))
  return {
    what: `${pair.what}: without, with, ratio within a turn`,
    measured: `${showSpread(toSpread(rates.without))} /s, ${showSpread(toSpread(rates.with))} /s, ${showSpread(ratio, 3)}`,
  }
}
