import { describe, expect, test } from "vitest"
import type { Comparison, Measured } from "./compare.ts"
import { reportComparison } from "./report.ts"
import type { SubjectKind } from "./subject.ts"

function measured(subject: SubjectKind, turn: number, perSecond: number): Measured {
  return {
    workload: "W1",
    subject,
    concurrency: 50,
    turn,
    result: { perSecond, p50Ms: 1_000 / perSecond, p99Ms: 2_000 / perSecond, ended: 10, cpu: { worker: 8 } },
  }
}

/** Cells of the table's row that names a subject. */
function rowsOf(comparison: Comparison, name: string): string[][] {
  return reportComparison(comparison)
    .split("\n")
    .filter((line) => line.includes(`| ${name} |`))
    .map((line) => line.split("|").map((cell) => cell.trim()))
}

describe("reportComparison()", () => {
  test("takes each ratio within its own turn, so that a slow turn of both does no harm", () => {
    const cells = [
      measured("api", 1, 90),
      measured("by_hand", 1, 100),
      measured("by_hand", 2, 10),
      measured("api", 2, 9.5),
    ]
    const [row] = rowsOf({ cells, histories: [] }, "Holdfast, API and mirror")
    expect(row?.slice(4, 6)).toEqual(["49.8 (9.50 to 90.0)", "0.93 (0.90 to 0.95)"])
    expect(rowsOf({ cells, histories: [] }, "by hand")[0]?.[5]).toBe("")
  })

  test("says which events differ from those of the workflow by hand", () => {
    const history = (subject: SubjectKind, activityTaskScheduled: number) => ({
      workload: "W1" as const,
      subject,
      facts: { events: { activityTaskScheduledEventAttributes: activityTaskScheduled }, bytes: 100 },
    })
    const comparison = {
      cells: [],
      histories: [history("by_hand", 3), history("engine", 3), history("api", 4)],
    }
    expect(rowsOf(comparison, "Holdfast, engine only")[0]?.[4]).toBe("equal")
    expect(rowsOf(comparison, "Holdfast, API and mirror")[0]?.[4]).toBe(
      "activityTaskScheduled 4 instead of 3",
    )
  })
})
