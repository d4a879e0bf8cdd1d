/**
 * What people wrote in a decision stays in the audit trail for good. So it is stored without the values that the
 * flow's `mask` hides, without secrets that this process has read, and without members that are named like secrets.
 */
import type { DecisionRow } from "../../contract/rows.ts"
import { createMask, type Mask } from "../../masking/mask.ts"
import { createPrivacy } from "../../masking/private-params.ts"
import { findPrivateParams } from "../queries/find-private-params.ts"
import type { Queryable } from "../queries/queryable.ts"
import type { PendingTransaction } from "./pending.ts"

export type SecretMask = Pick<Mask, "text" | "valuesAndNames">

/** @param secrets those that this process knows; without, only names tell. @throws the database's errors. */
export async function maskDecisions(
  db: Queryable,
  entry: PendingTransaction,
  secrets: SecretMask = createMask(),
): Promise<PendingTransaction> {
  if (entry.decisions.size === 0) return entry
  const found = await findPrivateParams(db, entry)
  const { hide } = createPrivacy(found?.plan ?? {}, found?.params)
  const toMaskedText = (text: string | null) => (text === null ? null : secrets.text(hide(text)))
  const toMasked = (row: DecisionRow): DecisionRow => ({
    ...row,
    reason: toMaskedText(row.reason),
    evidence: secrets.valuesAndNames(hide(row.evidence)),
    ...(row.approvals && {
      approvals: row.approvals.map((approval) => ({ ...approval, reason: toMaskedText(approval.reason) })),
    }),
  })
  return { ...entry, decisions: new Map(Array.from(entry.decisions, ([id, row]) => [id, toMasked(row)])) }
}
