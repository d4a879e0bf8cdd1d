import { describe, expect, test } from "vitest"
import { type AuditRecord, hashRow, NO_HASH, toHashedText } from "./row-hash.ts"

const RECORD: AuditRecord = {
  tenant: "default",
  seq: "1",
  at: "2026-01-15T12:00:00.000000Z",
  actor: "张三",
  roles: '["operator"]',
  action: "retry",
  instance_id: "order_1",
  subject: "pay",
  reason: "two\nlines",
  attest: "not_executed",
  executed_externally: null,
  evidence: '{"ticket":7}',
  before: '{"version":1,"status":"blocked","tasks":[]}',
  after: '{"version":2,"status":"running","tasks":[]}',
  update_id: "d-1",
  approvals: "[]",
  prev_hash: NO_HASH,
}

/** As docs/audit.md shows it: who changes this makes every chain that exists a broken one. */
const TEXT = `tenant:7:default
seq:1:1
at:27:2026-01-15T12:00:00.000000Z
actor:6:张三
roles:12:["operator"]
action:5:retry
instance_id:7:order_1
subject:3:pay
reason:9:two
lines
attest:12:not_executed
executed_externally:-
evidence:12:{"ticket":7}
before:43:{"version":1,"status":"blocked","tasks":[]}
after:43:{"version":2,"status":"running","tasks":[]}
update_id:3:d-1
approvals:2:[]
prev_hash:64:0000000000000000000000000000000000000000000000000000000000000000
`

describe("toHashedText()", () => {
  test("is a line for each field with its length in bytes", () => {
    expect(toHashedText(RECORD)).toBe(TEXT)
  })

  test("tells an empty text from none, and what looks like a field from a field", () => {
    const texts = [
      { ...RECORD, subject: null },
      { ...RECORD, subject: "" },
      { ...RECORD, subject: "-" },
      { ...RECORD, subject: "pay\nreason:0:", reason: null },
      { ...RECORD, subject: "pay", reason: "" },
    ].map(toHashedText)
    expect(new Set(texts).size).toBe(texts.length)
  })
})

describe("hashRow()", () => {
  test("is the sha256 that any tool makes of that text", () => {
    expect(hashRow(RECORD)).toBe("e24f7cdacb40baf040fb9f13ad77b93f777c29479db1e92b7ea19ada43245791")
  })

  test.each(Object.keys(RECORD))("depends on %s", (field) => {
    expect(hashRow({ ...RECORD, [field]: "other" })).not.toBe(hashRow(RECORD))
  })
})
