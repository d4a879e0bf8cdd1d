/** The audit trail in Postgres: what is written into it, and what is found when somebody changes it. */
import { cp, mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import type { Pool } from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { AuditedChange } from "../../src/contract/audit.ts"
import { packPlan } from "../../src/flow/plan-bytes.ts"
import { createMask } from "../../src/masking/mask.ts"
import { type VerifiedChain, verifyChains } from "../../src/store/audit/verify-chains.ts"
import { inTransaction } from "../../src/store/in-transaction.ts"
import { migrate } from "../../src/store/migrate.ts"
import { createMirrorWriter, type MirrorWriterOptions } from "../../src/store/mirror/writer.ts"
import { createPool } from "../../src/store/pool.ts"
import { insertAuditRow } from "../../src/store/queries/insert-audit-row.ts"
import { purgeTransactions } from "../../src/store/queries/purge-transactions.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { decisionRow, mirrorChange } from "../helpers/mirror-rows.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"
import { tamper } from "../helpers/tamper.ts"
import { compile } from "../helpers/workflow-rig.ts"

const NOON = Date.UTC(2026, 0, 15, 12)
const MIGRATIONS = new URL("../../src/store/migrations/", import.meta.url)

let database: TestDatabase
let pool: Pool

beforeEach(async () => {
  database = await createTestDatabase()
  pool = createPool({ url: database.url })
  await insertStoredTransaction(pool)
})
afterEach(async () => {
  await pool.end()
  await database.drop()
})

const append = (from: Pool, actor: string, tenant = "default") =>
  inTransaction(from, (db) =>
    insertAuditRow(db, {
      tenant,
      actor,
      roles: ["admin", 'odd "role"'],
      update_id: null,
      action: "flow.publish" satisfies AuditedChange,
      subject: "order\n张三 \u0007",
      before: null,
      after: { version: 1, note: 'a "quoted" \\ 张三 \u2028' },
    }),
  )

async function appendSome(): Promise<void> {
  for (const actor of ["ann", "bob", "carl", "dora"]) await append(pool, actor)
}

async function write(
  changes: Parameters<typeof mirrorChange>[0][],
  options: Partial<MirrorWriterOptions> = {},
): Promise<void> {
  const writer = createMirrorWriter({ pool, logger: createListeningLogger(), ...options })
  for (const change of changes) writer.push(mirrorChange(change))
  await writer.flush()
  await writer.close()
}

async function rows(): Promise<Record<string, unknown>[]> {
  const { rows: found } = await pool.query<Record<string, unknown>>(
    "select * from audit order by tenant_id, seq",
  )
  return found
}

async function verifyOne(): Promise<VerifiedChain> {
  const [chain, ...others] = await verifyChains(pool)
  expect(others).toEqual([])
  if (!chain) throw new Error("there is no chain")
  return chain
}

describe("the chain", () => {
  test("is made by Postgres as anybody makes it", async () => {
    const decision = decisionRow({
      actor: "张三",
      roles: ["operator"],
      reason: "two\nlines",
      attest: "not_executed",
      evidence: { ticket: 7 },
      at: NOON,
    })
    await write([{ decisions: [decision] }])
    // The vector of docs/audit.md.
    expect(await rows()).toMatchObject([
      { seq: 1, hash: "e24f7cdacb40baf040fb9f13ad77b93f777c29479db1e92b7ea19ada43245791" },
    ])
    await appendSome()
    expect(await verifyOne()).toMatchObject({ tenant: "default", rows: 5, head: { seq: 5 }, broken: null })
  })

  test("is exact when four connections add to it, and each tenant has its own", async () => {
    const pools = Array.from({ length: 4 }, () => createPool({ url: database.url, max: 1 }))
    await Promise.all(
      pools.map(async (one, at) => {
        for (let count = 0; count < 50; count++)
          await append(one, `actor-${at}`, count % 10 === 9 ? "other" : "default")
      }),
    )
    await Promise.all(pools.map((one) => one.end()))
    expect(await verifyChains(pool)).toMatchObject([
      { tenant: "default", rows: 180, head: { seq: 180 }, broken: null },
      { tenant: "other", rows: 20, head: { seq: 20 }, broken: null },
    ])
    expect(await verifyChains(pool, "other")).toHaveLength(1)
  })

  test("is exact when mirrors and changes add to it at once", async () => {
    const writers = Array.from({ length: 3 }, () =>
      createMirrorWriter({ pool, logger: createListeningLogger(), flushMs: 1 }),
    )
    const pushed = writers.map(async (writer, at) => {
      for (let count = 0; count < 40; count++) {
        const decision_id = `${at}-${count}`
        // Two tenants in one flush, in this order and in the other.
        const tenants = at === 0 ? ["default", "other"] : ["other", "default"]
        for (const tenant of tenants)
          writer.push(
            mirrorChange({
              tenant,
              transaction_id: `order_${at}`,
              history_length: 3 + count,
              decisions: [decisionRow({ decision_id, at: NOON + count })],
            }),
          )
        if (count % 5 === 0) await writer.flush()
      }
      await writer.flush()
    })
    for (let count = 0; count < 40; count++) await append(pool, "ann")
    await Promise.all(pushed)
    await Promise.all(writers.map((writer) => writer.close()))
    expect(await verifyChains(pool)).toMatchObject([
      { tenant: "default", rows: 160, broken: null },
      { tenant: "other", rows: 120, broken: null },
    ])
  })

  test("has no gap where a change was undone", async () => {
    await append(pool, "ann")
    const undone = inTransaction(pool, async (db) => {
      await db.query(
        "insert into audit (tenant_id, at, actor, roles, action) values ('default', now(), 'x', '{}', 'x')",
      )
      throw new Error("undone")
    })
    await expect(undone).rejects.toThrow("undone")
    await append(pool, "bob")
    expect(await verifyOne()).toMatchObject({ rows: 2, broken: null })
  })

  test("reaches the disk although the mirror's commits do not wait for it", async () => {
    const { rows: found } = await pool
      .query<{ setting: string }>(
        `
      begin;
      set local synchronous_commit = off;
      insert into audit (tenant_id, at, actor, roles, action) values ('default', now(), 'x', '{}', 'x');
      select current_setting('synchronous_commit') as setting;
      rollback`,
      )
      .then((results) => (results as unknown as { rows: { setting: string }[] }[])[3]!)
    expect(found).toEqual([{ setting: "on" }])
  })
})

describe("the rows", () => {
  test.each([
    "update audit set reason = 'other' where seq = 1",
    "update audit set reason = 'other' where false",
    "delete from audit",
    "truncate audit",
    "delete from audit_head",
    "truncate audit_head",
  ])("refuse %s", async (statement) => {
    await append(pool, "ann")
    await expect(pool.query(statement)).rejects.toThrow(/what is in audit\w* is never changed/)
    expect(await verifyOne()).toMatchObject({ rows: 1, broken: null })
  })

  test("take neither number nor hash from who writes them", async () => {
    await append(pool, "ann")
    await pool.query(
      `insert into audit (tenant_id, seq, at, actor, roles, action, prev_hash, hash)
       values ('default', 1, now(), 'eve', '{}', 'retry', 'x', 'y')`,
    )
    expect(await verifyOne()).toMatchObject({ rows: 2, broken: null })
  })

  const REHASH = "update audit set hash = encode(sha256(audit_record(audit)), 'hex')"
  test.each([
    ["a changed row", ["update audit set actor = 'eve' where seq = 2"], { seq: 2, kind: "changed" }],
    [
      "a changed time",
      ["update audit set at = at + interval '1 microsecond' where seq = 2"],
      { seq: 2, kind: "changed" },
    ],
    [
      "JSON of another spelling",
      [`update audit set after = '{ "version": 1 }' where seq = 2`],
      { seq: 2, kind: "changed" },
    ],
    [
      "a row hashed anew",
      ["update audit set actor = 'eve' where seq = 2", `${REHASH} where seq = 2`],
      { seq: 3, kind: "unlinked" },
    ],
    ["a missing row", ["delete from audit where seq = 2"], { seq: 2, kind: "missing" }],
    ["a missing beginning", ["delete from audit where seq = 1"], { seq: 1, kind: "missing" }],
    [
      "rows that changed places",
      [
        "update audit set seq = -1 where seq = 2",
        "update audit set seq = 2 where seq = 3",
        "update audit set seq = 3 where seq = -1",
      ],
      { seq: 2, kind: "changed" },
    ],
    ["an end that was cut off", ["delete from audit where seq > 2"], { seq: 3, kind: "cut" }],
    ["a whole chain that is gone", ["delete from audit"], { seq: 1, kind: "cut" }],
    ["an end that nobody remembers", ["delete from audit_head"], { seq: 1, kind: "cut" }],
    [
      "a last row hashed anew",
      ["update audit set actor = 'eve' where seq = 4", `${REHASH} where seq = 4`],
      { seq: 4, kind: "cut" },
    ],
    [
      "a row that was put at the end",
      [
        `insert into audit (tenant_id, seq, at, actor, roles, action, prev_hash, hash)
         select 'default', 5, now(), 'eve', '{}', 'retry', hash, '' from audit where seq = 4`,
        `${REHASH} where seq = 5`,
      ],
      { seq: 5, kind: "cut" },
    ],
  ])("show %s", async (_name, statements, broken) => {
    await appendSome()
    await tamper(pool, ...statements)
    expect(await verifyOne()).toMatchObject({ broken })
  })
})

describe("a decision that the mirror writes", () => {
  test("has one row, however often it is told", async () => {
    const decision = decisionRow({ roles: ["operator"], evidence: { ticket: 7 }, executed_externally: false })
    await write([{ decisions: [decision] }])
    await write([
      { history_length: 9, complete: true, decisions: [decision, decisionRow({ decision_id: "d-2" })] },
    ])
    expect(await rows()).toMatchObject([
      {
        seq: 1,
        instance_id: "order_1",
        subject: "pay",
        actor: "ann",
        roles: ["operator"],
        action: "retry",
        reason: "the service is back",
        executed_externally: false,
        evidence: { ticket: 7 },
        before: { version: 1 },
        after: { version: 2 },
        update_id: "d-1",
        approvals: [],
        at: new Date(NOON),
      },
      { seq: 2, update_id: "d-2", roles: [] },
    ])
    expect(await verifyOne()).toMatchObject({ rows: 2, broken: null })
  })

  test("keeps its row when the transaction is purged, and gets no second one when that is rebuilt", async () => {
    await write([{ decisions: [decisionRow()] }])
    await pool.query(
      "update txn set status = 'success', confirmed_at = now(), ended_at = now() - interval '2 days'",
    )
    const keys = [{ tenant: "default", transaction_id: "order_1" }]
    expect(await purgeTransactions(pool, { keys, olderThanMs: 1_000 })).toBe(1)
    expect(await verifyOne()).toMatchObject({ rows: 1, broken: null })
    await insertStoredTransaction(pool)
    await write([{ decisions: [decisionRow()] }])
    expect(await rows()).toHaveLength(1)
    // Another transaction of the same name, whose caller gives the same ids.
    await write([{ history_length: 9, decisions: [decisionRow({ at: NOON + 86_400_000 })] }])
    expect(await rows()).toHaveLength(1)
    await pool.query("delete from decision")
    await write([{ history_length: 9, decisions: [decisionRow({ at: NOON + 86_400_000 })] }])
    expect(await verifyOne()).toMatchObject({ rows: 2, broken: null })
  })

  test("is stored without what its flow hides and without secrets", async () => {
    const plan = compile({
      name: "order",
      mask: ["/params/card"],
      tasks: [{ id: "pay", task_name: "http", config: { url: "http://127.0.0.1/", method: "GET" } }],
    })
    await pool.query(
      "insert into flow (tenant_id, id, name, active_version) values ('default', 'flow-1', 'order', 1)",
    )
    await pool.query(
      `insert into flow_version (tenant_id, flow_id, version, source, source_kind, plan, plan_hash)
       values ('default', 'flow-1', 1, '{}', 'object', $1, 'hash-1')`,
      [Buffer.from(packPlan(plan))],
    )
    await pool.query(`update txn set params = '{"card": "4111 1111", "amount": 5}'`)
    const mask = createMask()
    mask.learn("very-secret-value")
    const decision = decisionRow({
      reason: "card 4111 1111 of amount 5, key very-secret-value",
      evidence: { card: ["4111 1111"], password: "hunter2", url: "/?k=very-secret-value", ticket: 7 },
    })
    await write([{ decisions: [decision] }], { mask })
    expect(await rows()).toMatchObject([
      {
        reason: "card [redacted] of amount 5, key [redacted]",
        evidence: { card: ["[redacted]"], password: "[redacted]", url: "/?k=[redacted]", ticket: 7 },
      },
    ])
    const { rows: everything } = await pool.query<{ text: string }>(
      "select (select json_agg(a) from audit a)::text || (select json_agg(d) from decision d)::text as text",
    )
    expect(everything[0]?.text).not.toMatch(/4111|very-secret|hunter2/)
    expect(await verifyOne()).toMatchObject({ broken: null })
  })
})

test("a database of before gets rows for the decisions it has", async () => {
  const older = await createTestDatabase("empty")
  const folder = await mkdtemp(path.join(tmpdir(), "holdfast-migrations-"))
  const olderPool = createPool({ url: older.url })
  try {
    for (const name of await readdir(MIGRATIONS))
      if (name < "0009") await cp(new URL(name, MIGRATIONS), path.join(folder, name))
    await migrate(olderPool, pathToFileURL(`${folder}/`))
    for (const [instance, id, at] of [
      ["b", "d-1", "2026-01-02"],
      ["a", "d-1", "2026-01-01"],
      ["a", "d-2", "2026-01-03"],
    ])
      await olderPool.query(
        `insert into decision (tenant_id, instance_id, decision_id, action, actor, before, after, decided_at)
         values ('default', $1, $2, 'retry', 'ann', '{"version":1}', '{"version":2}', $3::timestamptz)`,
        [instance, id, at],
      )
    await migrate(olderPool)
    const [chain] = await verifyChains(olderPool)
    expect(chain).toMatchObject({ rows: 3, broken: null })
    const { rows: found } = await olderPool.query("select instance_id, update_id from audit order by seq")
    expect(found).toEqual([
      { instance_id: "a", update_id: "d-1" },
      { instance_id: "b", update_id: "d-1" },
      { instance_id: "a", update_id: "d-2" },
    ])
  } finally {
    await olderPool.end()
    await older.drop()
    await rm(folder, { recursive: true })
  }
})
