/** What was measured, as Markdown. */
import { isDeepStrictEqual } from "node:util"
import type { Comparison, Measured } from "./compare.ts"
import type { Finding } from "./scenarios/scenario.ts"
import { type Spread, toSpread } from "./statistics.ts"
import { PARTS, type SubjectKind } from "./subject.ts"
import { WORKLOADS } from "./workloads.ts"

const NAMES: Record<SubjectKind, string> = {
  by_hand: "by hand",
  by_hand_apart: "by hand, callers apart",
  engine: "Holdfast, engine only",
  api: "Holdfast, API and mirror",
}

export function reportComparison(comparison: Comparison): string {
  const places = group(comparison.cells, ({ workload, concurrency }) => `${workload} ${concurrency}`)
  const rows = places.flatMap((place) => {
    const subjects = group(place, ({ subject }) => subject)
    const byHand = subjects.find(([first]) => first?.subject === "by_hand")
    return subjects.map((cells) => toRow(cells, byHand))
  })
  return [
    toTable(
      [
        "workload",
        "callers",
        "subject",
        "transactions/s",
        "ratio",
        "p50 ms",
        "ratio",
        "p99 ms",
        ...PARTS.map((part) => `${part} CPU`),
      ],
      rows,
    ),
    "",
    "Medians of the turns, with the smallest and the largest. Ratios are to the first of the workflows by hand, the median of the turns' own ratios. CPU: seconds for 1,000 transactions; `worker` holds the callers of the first two subjects, and the API of the third.",
    "",
    toTable(
      ["workload", "subject", "history events", "as by hand", "bytes of history"],
      historyRows(comparison),
    ),
  ].join("\n")
}

/** One subject's turns at one place. */
function toRow(cells: Measured[], byHand: Measured[] | undefined): string[] {
  const [first] = cells
  if (first === undefined) throw new Error("expected the cells of at least one turn")
  const of = (pick: (cell: Measured) => number) => toSpread(cells.map(pick))
  const ratio = (pick: (cell: Measured) => number): string => {
    const ratios = cells.flatMap((cell) => {
      const other = byHand?.find(({ turn }) => turn === cell.turn)
      return other === undefined ? [] : [pick(cell) / pick(other)]
    })
    return ratios.length === 0 || first.subject === "by_hand" ? "" : showSpread(toSpread(ratios), 2)
  }
  return [
    `${first.workload}: ${WORKLOADS[first.workload].title}`,
    String(first.concurrency),
    NAMES[first.subject],
    showSpread(of(({ result }) => result.perSecond)),
    ratio(({ result }) => result.perSecond),
    showSpread(of(({ result }) => result.p50Ms)),
    ratio(({ result }) => result.p50Ms),
    show(of(({ result }) => result.p99Ms).median),
    ...PARTS.map((part) =>
      first.result.cpu[part] === undefined ? "" : show(of(({ result }) => result.cpu[part] ?? 0).median),
    ),
  ]
}

function historyRows({ histories }: Comparison): string[][] {
  return histories
    .toSorted((a, b) => a.workload.localeCompare(b.workload))
    .map(({ workload, subject, facts }) => {
      const byHand = histories.find((one) => one.workload === workload && one.subject === "by_hand")?.facts
      const total = Object.values(facts.events).reduce((sum, count) => sum + count, 0)
      return [
        workload,
        NAMES[subject],
        String(total),
        byHand === undefined ? "" : sameEvents(facts.events, byHand.events),
        byHand === undefined
          ? String(facts.bytes)
          : `${facts.bytes} (${show(facts.bytes / byHand.bytes, 2)})`,
      ]
    })
}

function sameEvents(ours: Record<string, number>, theirs: Record<string, number>): string {
  if (isDeepStrictEqual(ours, theirs)) return "equal"
  const types = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])]
  return types
    .filter((type) => ours[type] !== theirs[type])
    .map(
      (type) => `${type.replace("EventAttributes", "")} ${ours[type] ?? 0} instead of ${theirs[type] ?? 0}`,
    )
    .join(", ")
}

export function reportScenario({ title, findings }: { title: string; findings: Finding[] }): string {
  return toTable(
    [title, "measured"],
    findings.map(({ what, measured }) => [what, measured]),
  )
}

function toTable(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}

export function showSpread({ median, min, max }: Spread, digits?: number): string {
  return min === max
    ? show(median, digits)
    : `${show(median, digits)} (${show(min, digits)} to ${show(max, digits)})`
}

/** Three digits that mean something, unless said how many come after the point. */
function show(value: number, digits = value >= 100 ? 0 : value >= 10 ? 1 : 2): string {
  return value.toFixed(digits)
}

function group<Item>(items: readonly Item[], by: (item: Item) => string): Item[][] {
  const groups = new Map<string, Item[]>()
  for (const item of items) groups.set(by(item), [...(groups.get(by(item)) ?? []), item])
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, members]) => members)
}
