/** Whether the audit trail of one transaction and what its histories hold are the same decisions. */
import { isDeepStrictEqual } from "node:util"
import type { DecisionRow } from "../../contract/rows.ts"
import { sanitizeText } from "../../store/mirror/encode.ts"
import type { AuditedDecision } from "../../store/queries/list-audited-decisions.ts"

export interface DecisionDifference {
  decision_id: string
  kind: "not_in_audit" | "not_in_temporal" | "differs"
  /** Of the row, where there is one. */
  seq: number | null
  audit: Facts | null
  temporal: Facts | null
}

/** What is the same word in both: a reason may be masked, and statuses are worked out by the build that replays. */
type Facts = Pick<
  AuditedDecision,
  "actor" | "roles" | "action" | "task" | "attest" | "executed_externally" | "approvals"
>

/**
 * @param told by the runs that Temporal still has; after a reset one decision may be told twice.
 * @param since when the earliest of these runs began, in milliseconds: what was decided before, they need not know.
 */
export function compareDecisions(
  told: readonly DecisionRow[],
  audited: readonly AuditedDecision[],
  since: number,
): DecisionDifference[] {
  const inTemporal = groupById(told)
  const inAudit = groupById(audited)
  const differences: DecisionDifference[] = []
  for (const [decision_id, rows] of inTemporal) {
    const known = rows.map(toldFacts)
    const found = inAudit.get(decision_id) ?? []
    const [first] = found
    if (found.some((row) => known.some((facts) => isDeepStrictEqual(facts, auditedFacts(row))))) continue
    differences.push({
      decision_id,
      kind: first ? "differs" : "not_in_audit",
      seq: first?.seq ?? null,
      audit: first ? auditedFacts(first) : null,
      temporal: known[0] ?? null,
    })
  }
  for (const row of audited) {
    if (inTemporal.has(row.decision_id) || Date.parse(row.at) < since) continue
    const { decision_id, seq } = row
    differences.push({
      decision_id,
      kind: "not_in_temporal",
      seq,
      audit: auditedFacts(row),
      temporal: null,
    })
  }
  return differences
}

function groupById<Row extends { decision_id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const id = sanitizeText(row.decision_id)
    groups.set(id, [...(groups.get(id) ?? []), row])
  }
  return groups
}

function toldFacts(row: DecisionRow): Facts {
  return {
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
}

function auditedFacts(row: AuditedDecision): Facts {
  const { actor, roles, action, task, attest, executed_externally, approvals } = row
  return { actor, roles, action, task, attest, executed_externally, approvals }
}
