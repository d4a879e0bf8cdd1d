import { describe, expect, test } from "vitest"
import type { DecisionRow } from "../../contract/rows.ts"
import type { AuditedDecision } from "../../store/queries/list-audited-decisions.ts"
import { compareDecisions } from "./compare-decisions.ts"

const NOON = Date.UTC(2026, 0, 15, 12)

const told = (row: Partial<DecisionRow> = {}): DecisionRow => ({
  decision_id: "d-1",
  action: "retry",
  task: "pay",
  actor: "ann",
  roles: ["operator"],
  reason: "the card 4111 is fine",
  attest: null,
  executed_externally: null,
  evidence: null,
  before: { version: 1, status: "blocked", tasks: [] },
  after: { version: 2, status: "running", tasks: [] },
  at: NOON,
  ...row,
})
const audited = (row: Partial<AuditedDecision> = {}): AuditedDecision => ({
  seq: 7,
  decision_id: "d-1",
  at: new Date(NOON).toISOString(),
  actor: "ann",
  roles: ["operator"],
  action: "retry",
  task: "pay",
  attest: null,
  executed_externally: null,
  approvals: [],
  ...row,
})

describe("compareDecisions()", () => {
  test("finds nothing where both have the same", () => {
    expect(compareDecisions([told()], [audited()], NOON)).toEqual([])
  })

  test("finds a decision that only one side has", () => {
    expect(compareDecisions([told()], [], NOON)).toMatchObject([
      { decision_id: "d-1", kind: "not_in_audit", seq: null, audit: null, temporal: { actor: "ann" } },
    ])
    expect(compareDecisions([], [audited()], NOON)).toMatchObject([
      { decision_id: "d-1", kind: "not_in_temporal", seq: 7, audit: { actor: "ann" }, temporal: null },
    ])
  })

  test.each([
    { actor: "eve" },
    { roles: ["admin"] },
    { action: "skip" },
    { task: "ship" },
    { attest: "executed" },
    { executed_externally: true },
  ])("finds another %j", (change) => {
    expect(compareDecisions([told()], [audited(change)], NOON)).toMatchObject([
      { kind: "differs", seq: 7, audit: change },
    ])
  })

  test("asks for nothing that was decided before the runs that are left", () => {
    expect(compareDecisions([], [audited()], NOON + 1)).toEqual([])
  })

  test("takes a decision that a reset repeated, as it was told first or later", () => {
    expect(compareDecisions([told(), told({ at: NOON + 5 })], [audited()], NOON)).toEqual([])
    expect(compareDecisions([told({ task: null }), told()], [audited()], NOON)).toEqual([])
  })

  test("compares texts as Postgres can hold them", () => {
    const decision_id = "d\u0000\ud800"
    expect(
      compareDecisions([told({ decision_id })], [audited({ decision_id: "d\ufffd\ufffd" })], NOON),
    ).toEqual([])
  })
})
