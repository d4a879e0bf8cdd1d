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

const at = (ms: number) => ({ at: new Date(NOON + ms).toISOString() })
const compare = (known: DecisionRow[], rows: AuditedDecision[], since = NOON) =>
  compareDecisions(known, rows, since)
const SAME = { differences: [], older: [] }

describe("compareDecisions()", () => {
  test("finds nothing where both have the same", () => {
    expect(compare([told()], [audited()])).toEqual(SAME)
  })

  test("finds a decision that only one side has", () => {
    expect(compare([told()], [])).toMatchObject({
      differences: [
        { decision_id: "d-1", kind: "not_in_audit", seq: null, audit: null, temporal: { actor: "ann" } },
      ],
    })
    expect(compare([], [audited()])).toMatchObject({
      differences: [
        { decision_id: "d-1", kind: "not_in_temporal", seq: 7, audit: { actor: "ann" }, temporal: null },
      ],
    })
  })

  test.each([
    { actor: "eve" },
    { roles: ["admin"] },
    { action: "skip" },
    { task: "ship" },
    { attest: "executed" },
    { executed_externally: true },
  ])("finds another %j, also beside the row that is right", (change) => {
    const difference = { kind: "differs", audit: change, temporal: { actor: "ann" } }
    expect(compare([told()], [audited(change)])).toMatchObject({ differences: [{ ...difference, seq: 7 }] })
    const forged = audited({ ...change, ...at(1), seq: 8 })
    expect(compare([told()], [audited(), forged])).toMatchObject({ differences: [{ ...difference, seq: 8 }] })
  })

  test("finds a second row that says the same, and knows which is the first", () => {
    const rows = [audited({ ...at(1), seq: 6 }), audited()]
    expect(compare([told()], rows)).toMatchObject({ differences: [{ kind: "repeated", seq: 6 }], older: [] })
  })

  test("tells rows apart that are from before the runs that are left, unless these know them", () => {
    const rows = [
      audited(at(-1)),
      audited({ ...at(-1), actor: "eve", seq: 8 }),
      audited({ ...at(-1), decision_id: "d-2", seq: 9 }),
    ]
    expect(compare([told({ at: NOON - 1 })], rows)).toMatchObject({
      differences: [],
      older: [
        { kind: "differs", seq: 8 },
        { kind: "not_in_temporal", seq: 9 },
      ],
    })
    expect(compare([told()], [audited({ ...at(-1), actor: "eve" })])).toMatchObject({
      differences: [{ kind: "not_in_audit" }],
      older: [{ kind: "differs" }],
    })
  })

  test("takes a decision that was told again, by the next run or after a reset, as it was told first or later", () => {
    expect(compare([told(), told()], [audited()])).toEqual(SAME)
    expect(compare([told(), told({ at: NOON + 5 })], [audited()])).toEqual(SAME)
    expect(compare([told({ at: NOON + 5 })], [audited()])).toEqual(SAME)
    expect(compare([told({ task: null }), told()], [audited()])).toEqual(SAME)
    const repeated = [audited(), audited({ ...at(5), seq: 8 })]
    expect(compare([told(), told()], repeated)).toMatchObject({ differences: [{ kind: "repeated", seq: 8 }] })
  })

  test("compares texts as Postgres can hold them", () => {
    const decision_id = "d\u0000\ud800"
    expect(compare([told({ decision_id })], [audited({ decision_id: "d\ufffd\ufffd" })])).toEqual(SAME)
  })
})
