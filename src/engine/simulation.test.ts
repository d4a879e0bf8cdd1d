import { expect, test } from "vitest"
import { ABLATIONS, type Ablation, simulate } from "./simulation.testsuite.ts"

const RUNS = process.env.HOLDFAST_SOAK === "full" ? 20_000 : 2_000

interface Tally {
  wrong: { seed: number; violations: string[] }[]
  endings: Record<string, number>
  faults: Record<string, number>
}

function run(count: number, without?: Ablation): Tally {
  const tally: Tally = { wrong: [], endings: {}, faults: {} }
  for (let seed = 1; seed <= count; seed++) {
    const { ending, violations, faults } = simulate(seed, without)
    tally.endings[ending] = (tally.endings[ending] ?? 0) + 1
    for (const [fault, times] of Object.entries(faults))
      tally.faults[fault] = (tally.faults[fault] ?? 0) + times
    if (violations.length > 0) tally.wrong.push({ seed, violations })
  }
  return tally
}

test("46: random transactions under faults and decisions leak nothing, double nothing and never hang", () => {
  const { wrong, endings, faults } = run(RUNS)
  process.stdout.write(
    `  ${RUNS} transactions: ${JSON.stringify(endings)}, faults ${JSON.stringify(faults)}\n`,
  )
  // The seeds: `simulate(seed)` makes the same transaction again.
  expect(wrong).toEqual([])
  // The generator must reach both endings, or the test says less than it seems to.
  expect(Object.keys(endings).toSorted()).toEqual(["compensated", "success"])
  expect(Math.min(...Object.values(endings))).toBeGreaterThan(RUNS / 10)
}, 600_000)

test.each(ABLATIONS)(
  "46: without the rule %s the same transactions go wrong",
  (rule) => {
    const count = RUNS / 4
    const { wrong } = run(count, rule)
    process.stdout.write(`  without ${rule}: ${((100 * wrong.length) / count).toFixed(2)} % wrong\n`)
    expect(wrong.length).toBeGreaterThan(0)
  },
  600_000,
)
