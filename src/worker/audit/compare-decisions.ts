/** Whether the audit trail of one transaction and what its histories hold are the same decisions. */
import { isDeepStrictEqual } from "node:util"
import type { DecisionRow } from "../../contract/rows.ts"
import { sanitizeText } from "../../store/mirror/encode.ts"
import type { AuditedDecision } from "../../store/queries/list-audited-decisions.ts"

export interface DecisionDifference {
  decision_id: string
  /** `repeated`: a second row that says the same. */
  kind: "not_in_audit" | "not_in_temporal" | "differs" | "repeated"
  /** Of the row, where there is one. */
  seq: number | null
  audit: Facts | null
  temporal: Facts | null
}

export interface Comparison {
  differences: DecisionDifference[]
  /** Rows from before the runs that are left, which these do not tell of: they need not know. */
  older: (DecisionDifference & { seq: number })[]
}

/** What is the same word in both: a reason may be masked, and statuses are worked out by the build that replays. */
type Facts = Pick<
  AuditedDecision,
  "actor" | "roles" | "action" | "task" | "attest" | "executed_externally" | "approvals"
>

interface Told {
  at: number
  facts: Facts
}

/**
 * Each row against what was told of its decision, which explains one row and no more.
 *
 * @param told by the runs that Temporal still has. One decision may be told by a run and by those that go on with it,
 * and after a reset again, with the time of that.
 * @param since when the earliest of these runs began, in milliseconds.
 */
export function compareDecisions(
  told: readonly DecisionRow[],
  audited: readonly AuditedDecision[],
  since: number,
): Comparison {
  const inTemporal = new Map(Array.from(groupById(told), ([id, rows]) => [id, distinct(rows.map(toTold))]))
  const inAudit = groupById(audited)
  const differences: DecisionDifference[] = []
  const older: Comparison["older"] = []
  const explained = new Set<AuditedDecision>()
  for (const [decision_id, known] of inTemporal) {
    const rows = inAudit.get(decision_id) ?? []
    for (const row of findExplained(known, rows)) explained.add(row)
    if (rows.some((row) => explained.has(row) || isSince(row, since))) continue
    const [first] = known
    differences.push({
      decision_id,
      kind: "not_in_audit",
      seq: null,
      audit: null,
      temporal: first?.facts ?? null,
    })
  }
  for (const row of audited) {
    if (explained.has(row)) continue
    const difference = toDifference(row, inTemporal.get(sanitizeText(row.decision_id)) ?? [])
    if (isSince(row, since)) differences.push(difference)
    else older.push(difference)
  }
  return { differences, older }
}

/** At most one row for each thing told; the one of its own time, where there is one. */
function findExplained(known: readonly Told[], rows: readonly AuditedDecision[]): AuditedDecision[] {
  const left = [...known]
  const take = (row: AuditedDecision, isIt: (told: Told) => boolean): boolean => {
    const place = left.findIndex((told) => isDeepStrictEqual(told.facts, auditedFacts(row)) && isIt(told))
    if (place !== -1) left.splice(place, 1)
    return place !== -1
  }
  const exact = rows.filter((row) => take(row, ({ at }) => at === Date.parse(row.at)))
  return [...exact, ...rows.filter((row) => !exact.includes(row) && take(row, () => true))]
}

function toDifference(row: AuditedDecision, known: readonly Told[]): Comparison["older"][number] {
  const { decision_id, seq } = row
  const audit = auditedFacts(row)
  const [first] = known
  if (first === undefined) return { decision_id, kind: "not_in_temporal", seq, audit, temporal: null }
  const same = known.find(({ facts }) => isDeepStrictEqual(facts, audit))
  return { decision_id, kind: same ? "repeated" : "differs", seq, audit, temporal: (same ?? first).facts }
}

function isSince({ at }: AuditedDecision, since: number): boolean {
  return Date.parse(at) >= since
}

function groupById<Row extends { decision_id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const id = sanitizeText(row.decision_id)
    groups.set(id, [...(groups.get(id) ?? []), row])
  }
  return groups
}

function distinct(known: readonly Told[]): Told[] {
  return known.filter((told, place) => known.findIndex((other) => isDeepStrictEqual(other, told)) === place)
}

function toTold(row: DecisionRow): Told {
  const facts = {
    actor: sanitizeText(row.actor),
    roles: (row.roles ?? []).map(sanitizeText),
    action: row.action,
    task: row.task === null ? null : sanitizeText(row.task),
    attest: row.attest,
    executed_externally: row.executed_externally,
    approvals: (row.approvals ?? []).map(({ actor, roles, update_id }) => ({
      actor: sanitizeText(actor),
      roles: roles.map(sanitizeText),
      update_id: sanitizeText(update_id),
    })),
  }
  return { at: row.at, facts }
}

function auditedFacts(row: AuditedDecision): Facts {
  const { actor, roles, action, task, attest, executed_externally, approvals } = row
  return { actor, roles, action, task, attest, executed_externally, approvals }
}
