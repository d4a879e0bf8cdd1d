import { expect, test } from "vitest"
import type { DecisionAction } from "../contract/statuses.ts"
import { ABLATIONS, type Ablation, FAULTS, simulate } from "./simulation.testsuite.ts"

const RUNS = process.env.HOLDFAST_SOAK === "full" ? 20_000 : 2_000

/** What no run of this size does without: a simulation in which nobody decides anything would prove little. */
const DECISIONS: DecisionAction[] = [
  ...(["retry", "retry_unsafe", "retry_with_input", "probe", "complete", "skip", "fail"] as const),
  ...(["mark_compensated", "waive_compensation", "pause", "resume", "cancel", "abort"] as const),
  ...(["propose", "approve", "reject"] as const),
]

interface Tally {
  wrong: { seed: number; violations: string[] }[]
  endings: Record<string, number>
  faults: Record<string, number>
  decisions: Record<string, number>
}

function run(count: number, without?: Ablation): Tally {
  const tally: Tally = { wrong: [], endings: {}, faults: {}, decisions: {} }
  for (let seed = 1; seed <= count; seed++) {
    const { ending, violations, faults, decisions } = simulate(seed, without)
    add(tally.endings, { [ending]: 1 })
    add(tally.faults, faults)
    add(tally.decisions, decisions)
    if (violations.length > 0) tally.wrong.push({ seed, violations })
  }
  return tally
}

function add(sum: Record<string, number>, more: Record<string, number>): void {
  for (const [name, times] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + times
}

test("46: random transactions under faults and decisions leak nothing, double nothing and never hang", () => {
  const { wrong, endings, faults, decisions } = run(RUNS)
  process.stdout.write(
    `  ${RUNS} transactions: ${JSON.stringify(endings)}, faults ${JSON.stringify(faults)}, decisions ${JSON.stringify(decisions)}\n`,
  )
  // The seeds: `simulate(seed)` makes the same transaction again.
  expect(wrong).toEqual([])
  // The generator must reach every ending, or the test says less than it seems to.
  expect(Object.keys(endings).toSorted()).toEqual(["compensated", "failed", "success"])
  expect(endings["compensated"]).toBeGreaterThan(RUNS / 5)
  expect(endings["success"]).toBeGreaterThan(RUNS / 5)
  expect(Object.keys(faults).toSorted()).toEqual(FAULTS.toSorted())
  expect(Object.keys(decisions).toSorted()).toEqual(DECISIONS.toSorted())
}, 600_000)

test.each(Object.entries(ABLATIONS))(
  "46: without the rule %s the same transactions go wrong: %s",
  (rule, harm) => {
    const count = RUNS / 4
    const { wrong } = run(count, rule as Ablation)
    const guarded = wrong.filter(({ violations }) => violations.some((found) => found.startsWith(harm)))
    process.stdout.write(
      `  without ${rule}: ${((100 * wrong.length) / count).toFixed(2)} % wrong, ${guarded.length} by ${harm}\n`,
    )
    expect(guarded.length).toBeGreaterThan(0)
  },
  600_000,
)
