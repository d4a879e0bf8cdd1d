/** Decisions that wait for a second person, through the API, with keys of their own, a real worker and its target. */
import { randomUUID } from "node:crypto"
import { Client, Connection as TemporalConnection } from "@temporalio/client"
import type { Pool } from "pg"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import type { Role as ApiRole } from "../../src/api/roles.ts"
import { createLogger } from "../../src/app/logger.ts"
import { type Holdfast, startHoldfast } from "../../src/app/start.ts"
import { DEFAULT_FOUR_EYES } from "../../src/contract/four-eyes.ts"
import { DEFAULT_TENANT, TASK_QUEUE } from "../../src/contract/messages.ts"
import { ROLES } from "../../src/contract/roles.ts"
import type { ProposableAction } from "../../src/contract/statuses.ts"
import { verifyChains } from "../../src/store/audit/verify-chains.ts"
import { createPool } from "../../src/store/pool.ts"
import { createApiKey } from "../../src/store/queries/create-api-key.ts"
import { checkAudit } from "../../src/worker/audit-check.ts"
import { rebuildMirror } from "../../src/worker/mirror-rebuild.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { type EffectLedger, startEffectLedger } from "../helpers/effect-ledger.ts"
import { task } from "../helpers/ledger-task.ts"
import { createListeningLogger } from "../helpers/listening-logger.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const EVIDENCE = { statement: "3 May" }
const undo = {
  task_name: "http",
  config: { connection: "ledger", url: "/undo/pay", method: "POST", body: { key: "${ task.key }" } },
  retry: { max_attempts: 1 },
}
const pay = task({ id: "pay", effect: "unsafe", retry: { max_attempts: 1 } })
const FLOWS = [
  { name: "plain", tasks: [pay, task({ id: "ship", depends_on: ["pay"] })] },
  {
    name: "backward",
    policy: { failure: "compensate" },
    tasks: [
      { ...pay, on_error: "park", compensate: undo },
      task({ id: "ship", depends_on: ["pay"], retry: { max_attempts: 1 }, compensate: "none" }),
    ],
  },
]

interface Served {
  status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- what the API answers; the tests look into it
  json: any
  // oxlint-disable-next-line typescript/no-explicit-any -- the same
  data: any
}

let database: TestDatabase
let pool: Pool
let ledger: EffectLedger
let temporal: TestTemporal
let client: Client
let holdfast: Holdfast
const keys: Record<string, string> = {}

beforeAll(async () => {
  quietTemporal()
  database = await createTestDatabase()
  pool = createPool({ url: database.url })
  ledger = await startEffectLedger()
  temporal = await testTemporal()
  const connection = await TemporalConnection.connect({ address: temporal.address })
  client = new Client({ connection, namespace: temporal.namespace })
  await addKey("ann", "operator")
  await addKey("bob", "approver")
  await addKey("cid", "approver")
  await addKey("eva", "admin")
  holdfast = await serve([...DEFAULT_FOUR_EYES, "complete"])
  for (const definition of FLOWS) {
    const { status, json } = await ask("eva", "POST", "/flows", { definition })
    if (status >= 300) throw new Error(`a flow was refused: ${JSON.stringify(json)}`)
  }
})
afterAll(async () => {
  await holdfast?.stop()
  await client?.connection.close()
  await ledger?.stop()
  await pool?.end()
  await database?.drop()
})

async function addKey(name: string, role: ApiRole, tenant = DEFAULT_TENANT): Promise<string> {
  const { key } = await createApiKey(pool, { tenant, name, scopes: [], role, days: 1 })
  keys[name] = key
  return key
}

/** Until the test is over. */
async function revoke(...names: string[]): Promise<void> {
  onTestFinished(async () => {
    await pool.query("update api_key set revoked_at = null where name = any($1)", [names])
  })
  await pool.query("update api_key set revoked_at = now() where name = any($1)", [names])
}

function serve(fourEyes: readonly ProposableAction[]): Promise<Holdfast> {
  return startHoldfast({
    databaseUrl: database.url,
    temporal: { connection: { address: temporal.address }, namespace: temporal.namespace },
    http: { host: "127.0.0.1", port: 0 },
    auth: { mode: "keys" },
    fourEyes,
    roles: ROLES,
    queueNames: [TASK_QUEUE],
    workerConcurrency: 20,
    connections: [{ name: "ledger", kind: "http", base_url: ledger.url }],
    secrets: {},
    mode: "local",
    logger: createLogger({ level: "silent", output: "stderr" }),
  })
}

async function ask(who: string, method: string, path: string, body?: object, key?: string): Promise<Served> {
  const response = await fetch(`${holdfast.apiUrl}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${keys[who]}`,
      ...(body && { "content-type": "application/json" }),
      ...(key !== undefined && { "idempotency-key": key }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  // The API's own envelope.
  const json = (await response.json()) as Served["json"]
  return { status: response.status, json, data: json.data }
}

const decide = (who: string, id: string, body: object, key?: string) =>
  ask(who, "POST", `/transactions/${id}/decisions`, { reason: "looked into it", ...body }, key)
const approve = (who: string, id: string, request: string, key?: string) =>
  decide(who, id, { action: "approve", request }, key)
// By a key that no test takes away.
const read = async (id: string) => (await ask("ann", "GET", `/transactions/${id}?fresh=true`)).data
const reaches = (id: string, status: string) =>
  until(
    () => read(id),
    (transaction) => transaction.status === status,
  )

/** A charge whose reply was lost: nobody knows whether it happened. */
async function parked(flow = "plain"): Promise<string> {
  const id = randomUUID()
  await ledger.misbehave("pay", ["cut"], id)
  const answer = await ask("ann", "POST", "/transactions", { instance_id: id, flow_id: flow })
  expect(answer.status, JSON.stringify(answer.json)).toBe(201)
  await reaches(id, "blocked")
  return id
}

const UNSAFE = { action: "retry_unsafe", task: "pay", attest: "not_executed", evidence: EVIDENCE }

async function proposed(flow = "plain", decision: object = UNSAFE): Promise<{ id: string; request: string }> {
  const id = await parked(flow)
  const answer = await decide("ann", id, decision)
  expect(answer.status, JSON.stringify(answer.json)).toBe(202)
  return { id, request: answer.data.request.id }
}

const paid = async (id: string) => (await ledger.deliveries(id)).filter(({ name }) => name === "pay").length

interface AuditRow {
  action: string
  actor: string
  roles: string[]
  update_id: string
  approvals: object[]
}

async function auditOf(id: string): Promise<AuditRow[]> {
  const { rows } = await pool.query<AuditRow>(
    "select action, actor, roles, update_id, approvals from audit where instance_id = $1 order by seq",
    [id],
  )
  return rows
}

describe("54: a decision that takes two", () => {
  test("waits, is not for who asked, and is done once somebody else says yes", async () => {
    const { id, request } = await proposed()
    expect(await read(id)).toMatchObject({
      status: "blocked",
      pending_approvals: [
        {
          id: request,
          action: "retry_unsafe",
          task: "pay",
          requester: "ann",
          expires_at: expect.any(String),
        },
      ],
    })
    expect(await paid(id)).toBe(1)

    await pool.query("update api_key set role = 'admin' where name = 'ann'")
    const own = await until(
      () => approve("ann", id, request),
      ({ json }) => json.error !== "forbidden",
    )
    expect(own).toMatchObject({ status: 403, json: { error: "own_request" } })
    await pool.query("update api_key set role = 'operator' where name = 'ann'")

    const yes = await approve("bob", id, request)
    expect(yes, JSON.stringify(yes.json)).toMatchObject({
      status: 200,
      data: { action: "approve", tasks: [{ path: "pay" }] },
    })
    expect(await reaches(id, "success")).toMatchObject({ pending_approvals: [], overridden: true })
    expect(await paid(id)).toBe(2)

    const rows = await until(
      () => auditOf(id),
      (found) => found.length === 3,
    )
    const ann = { actor: "ann", roles: ["operator"] }
    expect(rows.toSorted((one, other) => one.action.localeCompare(other.action))).toMatchObject([
      { action: "approve", actor: "bob", roles: ["approver"], approvals: [] },
      { action: "propose", ...ann, update_id: request, approvals: [] },
      {
        action: "retry_unsafe",
        ...ann,
        update_id: `${request} approved`,
        approvals: [
          { actor: "bob", roles: ["approver"], reason: "looked into it", update_id: yes.data.decision_id },
        ],
      },
    ])
    expect((await verifyChains(pool)).every(({ broken }) => broken === null)).toBe(true)
    expect(await checkAudit({ pool, client })).toMatchObject({ differences: [], failed: [] })
  })

  test.each([true, false])(
    "a completion that was executed externally: %s, is undone on the way back if and only if it was",
    async (executed_externally) => {
      const { id, request } = await proposed("backward", {
        action: "complete",
        task: "pay",
        executed_externally,
      })
      await ledger.misbehave("ship", ["refuse"], id)
      expect((await approve("cid", id, request)).status).toBe(200)
      await reaches(id, "compensated")
      const undone = (await ledger.deliveries(id)).filter(({ name }) => name === "pay-undo")
      expect(undone).toHaveLength(executed_externally ? 1 : 0)
    },
  )

  test("a plain retry that rests on the same word takes two as well", async () => {
    const id = await parked()
    for (const decision of [
      { action: "retry", attest: "not_executed" },
      { action: "retry", executed_externally: false },
      { action: "retry_with_input", attest: "not_executed", input: {} },
    ]) {
      const answer = await decide("ann", id, { task: "pay", ...decision })
      expect(answer, JSON.stringify(answer.json)).toMatchObject({
        status: 202,
        data: { action: decision.action, request: { action: decision.action } },
      })
      await decide("bob", id, { action: "reject", request: answer.data.request.id })
    }
    expect(await paid(id)).toBe(1)
  })

  test("a rejection leaves it as it was", async () => {
    const { id, request } = await proposed()
    expect((await decide("bob", id, { action: "reject", request })).status).toBe(200)
    expect(await read(id)).toMatchObject({ status: "blocked", pending_approvals: [] })
    expect((await approve("cid", id, request)).json).toMatchObject({ status: 409, error: "request_rejected" })
    expect(await paid(id)).toBe(1)
  })
})

describe("requests", () => {
  test("of one key are one, and so is its approval", async () => {
    const id = await parked()
    const [asked, yes] = [randomUUID(), randomUUID()]
    const first = await decide("ann", id, UNSAFE, asked)
    const again = await decide("ann", id, UNSAFE, asked)
    expect([first.status, again.status]).toEqual([202, 202])
    expect(again.data).toEqual(first.data)
    expect(first.data.request.id).toBe(asked)
    // As after a crash between the workflow's answer and the note of it.
    await pool.query("delete from idempotency where key = $1", [asked])
    expect((await decide("ann", id, UNSAFE, asked)).data).toEqual(first.data)
    const approved = await approve("bob", id, asked, yes)
    expect((await approve("bob", id, asked, yes)).data).toEqual(approved.data)
    await reaches(id, "success")
    expect(await paid(id)).toBe(2)
  })

  test("about the same are refused, with the name of the one that waits", async () => {
    const { id, request } = await proposed()
    const second = await decide("eva", id, UNSAFE)
    expect(second.json).toMatchObject({
      status: 409,
      error: "request_pending",
      detail: expect.stringContaining(request),
    })
  })

  test("are judged before they wait", async () => {
    const id = await parked()
    const answer = await decide("ann", id, { ...UNSAFE, evidence: undefined })
    expect(answer.json).toMatchObject({ status: 409, error: "evidence_required" })
    expect((await read(id)).pending_approvals).toEqual([])
  })

  test("are approved once, however many want to", async () => {
    const { id, request } = await proposed()
    const answers = await Promise.all(["bob", "cid", "eva"].map((who) => approve(who, id, request)))
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 409, 409])
    for (const { json } of answers.filter(({ status }) => status === 409))
      // What was approved may have brought the transaction to its end before the last of them is heard.
      expect(["request_approved", "ended"]).toContain(json.error)
    await reaches(id, "success")
    expect(await paid(id)).toBe(2)
  })

  test("end when the transaction moves on", async () => {
    const { id, request } = await proposed()
    expect((await decide("ann", id, { action: "skip", task: "pay", attest: "executed" })).status).toBe(200)
    await reaches(id, "success")
    expect((await approve("bob", id, request)).json).toMatchObject({ status: 409, error: "ended" })
  })

  test("that nobody made are not found", async () => {
    const id = await parked()
    expect((await approve("bob", id, "nothing")).json).toMatchObject({
      status: 404,
      error: "unknown_request",
    })
    expect((await approve("ann", id, "nothing")).json).toMatchObject({ status: 403, error: "forbidden" })
    expect((await decide("bob", id, { action: "pause" })).json).toMatchObject({
      status: 403,
      error: "forbidden",
    })
  })
})

describe("who may approve sees", () => {
  test("what waits, in pages, until it is over", async () => {
    const { id, request } = await proposed()
    const other = await proposed("plain", { ...UNSAFE, evidence: { api_token: "planted-token" } })
    const find = async (query: string) => (await ask("bob", "GET", `/approvals?${query}`)).data
    await until(
      () => find(`transaction=${other.id}`),
      ({ list }) => list.length === 1,
    )
    const [row] = (await find(`transaction=${id}`)).list
    expect(row).toMatchObject({
      id: request,
      instance_id: id,
      flow_name: "plain",
      action: "retry_unsafe",
      task: "pay",
      requester: "ann",
      requester_roles: ["operator"],
      reason: "looked into it",
      attest: "not_executed",
      evidence: EVIDENCE,
    })
    expect(JSON.stringify(await find(`transaction=${other.id}`))).not.toContain("planted-token")
    const seen: string[] = []
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: { list: { id: string }[]; next_cursor: string | null } = await find(
        `limit=1${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
      )
      seen.push(...page.list.map((one) => one.id))
      cursor = page.next_cursor
    }
    expect(new Set(seen).size).toBe(seen.length)
    expect(seen).toEqual(expect.arrayContaining([request, other.request]))
    expect((await ask("ann", "GET", "/approvals?from_others=true")).data.list).toEqual([])
    await approve("bob", id, request)
    await until(
      () => find(`transaction=${id}`),
      ({ list }) => list.length === 0,
    )
  })

  test("the exception as one that waits for them, and as it was when they say no", async () => {
    const { id, request } = await proposed()
    const states = async (query = "") =>
      (await ask("bob", "GET", `/exceptions?instance_id=${id}${query}`)).data.list.map(
        ({ state }: { state: string }) => state,
      )
    await until(states, ([state]) => state === "action_pending")
    expect(await states("&state=action_pending")).toHaveLength(1)
    expect(await states("&state=open")).toEqual([])
    await decide("bob", id, { action: "reject", request })
    await until(states, ([state]) => state === "open")
  })

  test("it in a mirror that was rebuilt", async () => {
    const { id, request } = await proposed()
    const pendingIn = async () => {
      const { rows } = await pool.query<{ pending_approvals: { id: string }[] | null }>(
        "select pending_approvals from txn where instance_id = $1",
        [id],
      )
      return rows[0]?.pending_approvals ?? []
    }
    await until(pendingIn, (found) => found.length === 1)
    await pool.query("update txn set pending_approvals = null where instance_id = $1", [id])
    const transaction = { tenant: DEFAULT_TENANT, transaction_id: id }
    await rebuildMirror({ pool, client, logger: createListeningLogger(), transaction })
    expect(await pendingIn()).toMatchObject([{ id: request }])
  })
})

test("a request outlives the worker that took it", async () => {
  const { id, request } = await proposed()
  await holdfast.stop()
  holdfast = await serve([...DEFAULT_FOUR_EYES, "complete"])
  expect((await read(id)).pending_approvals).toMatchObject([{ id: request }])
  expect((await approve("cid", id, request)).status).toBe(200)
  await reaches(id, "success")
  expect(await paid(id)).toBe(2)
})

test("by signal it takes the same way, and nobody of that name approves twice", async () => {
  const { id, request } = await proposed()
  const handle = client.workflow.getHandle(`default/${id}`)
  await handle.signal("approve", { request: "nothing" })
  await handle.signal("approve", { request, reason: "by hand" })
  await reaches(id, "success")
  const rows = await until(
    () => auditOf(id),
    (found) => found.length === 3,
  )
  expect(rows.find(({ action }) => action === "retry_unsafe")?.approvals).toMatchObject([
    { actor: "temporal", roles: [], reason: "by hand" },
  ])
})

test.each([
  { action: "fail", attest: "not_executed" },
  { action: "skip", attest: "not_executed" },
  { action: "fail", executed_externally: false },
  { action: "complete", executed_externally: false, output: { id: "by hand" } },
])("the same word under another name takes two: %j", async (word) => {
  const id = await parked()
  const asked = await decide("ann", id, { ...word, task: "pay", reason: "it never arrived" })
  expect(asked).toMatchObject({ status: 202, data: { request: { action: word.action } } })
  expect((await read(id)).status).toBe("blocked")
  // Nothing is left to do alone.
  expect((await ask("ann", "POST", `/transactions/${id}/retry`)).json).toMatchObject({
    status: 409,
    error: "nothing_retryable",
  })
})

test("where nobody may approve, nobody decides alone either", async () => {
  await revoke("bob", "cid", "eva")
  const id = await parked()
  expect(await decide("ann", id, UNSAFE)).toMatchObject({ status: 409, json: { error: "no_approver" } })
})

test("who is alone decides alone", async () => {
  await revoke("bob", "cid")
  // The admin is the only one left who could approve: for ann that is somebody, for himself it is not.
  const id = await parked()
  const asked = await decide("ann", id, UNSAFE)
  expect(asked.status).toBe(202)
  expect((await decide("eva", id, { action: "reject", request: asked.data.request.id })).status).toBe(200)
  expect((await decide("eva", id, UNSAFE)).status).toBe(200)
})

test("what takes two is not done in bulk", async () => {
  await holdfast.stop()
  holdfast = await serve(["abort"])
  const job = (action: string) => ({ action, filter: { instance_ids: ["nobody"] }, reason: "all of them" })
  const abort = await ask("ann", "POST", "/bulk-jobs", job("abort"))
  expect(abort).toMatchObject({ status: 409, json: { error: "approval_needed" } })
  const cancel = await ask("ann", "POST", "/bulk-jobs", job("cancel"))
  expect(cancel).toMatchObject({ status: 422, json: { error: "bulk_job_empty" } })
})
