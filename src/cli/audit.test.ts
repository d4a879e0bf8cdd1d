import type { Command } from "commander"
import { describe, expect, test } from "vitest"
import type { AuditEntry, AuditFilter } from "../sdk/shapes.ts"
import { addAuditListCommand } from "./audit.ts"
import { runCommand } from "./commands.testsuite.ts"
import type { Terminal } from "./terminal.ts"

const ENTRY: AuditEntry = {
  seq: 3,
  at: "2026-01-15T12:00:00.000Z",
  actor: "张三",
  roles: ["operator"],
  action: "retry",
  instance_id: "order_1",
  subject: "pay",
  reason: "the bank is back",
  attest: null,
  executed_externally: null,
  evidence: null,
  before: { version: 1 },
  after: { version: 2 },
  update_id: "d-1",
  approvals: [],
  prev_hash: "0",
  hash: "1",
}

const add = (program: Command, terminal: Terminal) => addAuditListCommand(program.command("audit"), terminal)

describe("holdfast audit list", () => {
  test("asks with every filter and shows who did what", async () => {
    const asked: AuditFilter[] = []
    const listAudit = (filter: AuditFilter) => {
      asked.push(filter)
      return Promise.resolve([ENTRY, { ...ENTRY, seq: 2, actor: "temporal", roles: [], instance_id: null }])
    }
    const filters = [
      "--transaction",
      "order_1",
      "--actor",
      "张三",
      "--action",
      "retry",
      "--since",
      "2026-01-01T00:00:00Z",
    ]
    const seen = await runCommand(add, ["audit", "list", ...filters, "--limit", "5"], { listAudit })
    expect(seen.thrown).toBeUndefined()
    expect(asked).toEqual([
      { transaction: "order_1", actor: "张三", action: "retry", since: "2026-01-01T00:00:00Z", limit: 5 },
    ])
    const [, first, second] = seen.printed.join("\n").split("\n")
    expect(first).toMatch(/^3 .*张三 \(operator\) +retry +order_1 +pay +the bank is back$/)
    expect(second).toMatch(/^2 .*temporal +retry +pay/)
    const json = await runCommand(add, ["audit", "list", "-o", "json"], { listAudit })
    expect(JSON.parse(json.printed.join(""))).toHaveLength(2)
  })

  test("refuses an action that there is not", async () => {
    const { said } = await runCommand(add, ["audit", "list", "--action", "fly"], {})
    expect(said.join("")).toContain("Allowed choices are retry")
  })
})
