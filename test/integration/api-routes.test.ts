import type { z } from "@hono/zod-openapi"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { ApiRoute } from "../../src/api/route.ts"
import { ROUTES } from "../../src/api/routes/table.ts"
import { type Scope, SCOPES } from "../../src/api/scopes.ts"
import { Problem } from "../../src/api/envelope.ts"
import { createApiKeyToken } from "../../src/store/api-key-token.ts"
import { insertStoredTransaction } from "../helpers/stored-transaction.ts"
import { type Answer, type ApiRig, type CallOptions, startApiRig } from "../helpers/api-rig.ts"

type Call = [path: string, options?: CallOptions]

interface Case {
  /** A request that is answered with success, as tenant `ours`. */
  good: Call
  /** A request whose form is wrong. */
  invalid: Call
  /** A thing that nobody has; absent for routes that name none. */
  unknown?: Call
  /** What `ours` has, asked for by another tenant. Absent for routes that name nothing: see `sees`. */
  foreign?: Call
  /** What another tenant's answer holds nothing of. */
  sees?: (answer: Answer) => void | Promise<void>
  /** A name that `ours` has given away: another tenant can give it all the same. */
  taken?: Call
}

const definition = (name: string) => ({
  name,
  tasks: [{ id: "a", task_name: "http", config: { url: "/x", connection: "shop" } }],
})
const isEmpty = (answer: Answer) => expect(answer.data).toMatchObject({ list: [], pagination: { total: 0 } })

const shop = { name: "shop", kind: "http", base_url: "https://shop.example" }

/** The definition names a connection of ours. */
const knowsNoConnection = (answer: Answer) =>
  expect(answer.json).toMatchObject({ status: 422, errors: [{ code: "unknown_connection" }] })

const BULK_STATES = ["preview", "paused", "running", "cancelled", "nowhere"]
const bulkId = (state: string): string => `00000000-0000-4000-8000-00000000000${BULK_STATES.indexOf(state)}`
const bulkJob = (state: string, more = ""): Case => ({
  good: [`/bulk-jobs/${bulkId(state)}${more}`],
  invalid: [`/bulk-jobs/one${more}`],
  unknown: [`/bulk-jobs/${bulkId("nowhere")}${more}`],
  foreign: [`/bulk-jobs/${bulkId(state)}${more}`],
})

/** A route without a line here fails the test. */
const CASES: Record<string, Case> = {
  "create-flow": {
    good: ["/flows", { body: { definition: definition("fresh") } }],
    invalid: ["/flows", { body: { name: 7 } }],
    sees: knowsNoConnection,
  },
  "list-flows": { good: ["/flows"], invalid: ["/flows?page_size=0"], sees: isEmpty },
  "validate-flow": {
    good: ["/flows/validate", { body: definition("checked") }],
    invalid: ["/flows/validate", { body: {} }],
    sees: knowsNoConnection,
  },
  "get-flow": {
    good: ["/flows/ours"],
    invalid: [`/flows/${"x".repeat(300)}`],
    unknown: ["/flows/nowhere"],
    foreign: ["/flows/ours"],
  },
  "replace-flow": {
    good: ["/flows/ours", { body: { definition: definition("ours") } }],
    invalid: ["/flows/ours", { body: [] }],
    unknown: ["/flows/nowhere", { body: { definition: definition("nowhere") } }],
    foreign: ["/flows/ours", { body: { definition: definition("ours") } }],
  },
  "delete-flow": {
    good: ["/flows/deletable"],
    invalid: ["/flows/a%00b"],
    unknown: ["/flows/nowhere"],
    foreign: ["/flows/ours"],
  },
  "activate-flow": {
    good: ["/flows/ours/activate"],
    invalid: ["/flows/a%00b/activate"],
    unknown: ["/flows/nowhere/activate"],
    foreign: ["/flows/ours/activate"],
  },
  "deactivate-flow": {
    good: ["/flows/idle/deactivate"],
    invalid: ["/flows/a%00b/deactivate"],
    unknown: ["/flows/nowhere/deactivate"],
    foreign: ["/flows/ours/deactivate"],
  },
  "list-flow-versions": {
    good: ["/flows/ours/versions"],
    invalid: ["/flows/ours/versions?page=0"],
    unknown: ["/flows/nowhere/versions"],
    foreign: ["/flows/ours/versions"],
  },
  "get-flow-version": {
    good: ["/flows/ours/versions/1"],
    invalid: ["/flows/ours/versions/first"],
    unknown: ["/flows/nowhere/versions/1"],
    foreign: ["/flows/ours/versions/1"],
  },
  "get-flow-graph": {
    good: ["/flows/ours/graph"],
    invalid: ["/flows/ours/graph?version=0"],
    unknown: ["/flows/nowhere/graph"],
    foreign: ["/flows/ours/graph"],
  },
  "create-task-definition": {
    good: ["/task-definitions", { body: { name: "fresh", type: "http" } }],
    invalid: ["/task-definitions", { body: { name: 7 } }],
    taken: ["/task-definitions", { body: { name: "known", type: "http" } }],
  },
  "list-task-definitions": {
    good: ["/task-definitions"],
    invalid: ["/task-definitions?page=1"],
    sees: (answer) =>
      expect(answer.data.list.every(({ built_in }: { built_in: boolean }) => built_in)).toBe(true),
  },
  "get-task-definition": {
    good: ["/task-definitions/known"],
    invalid: ["/task-definitions/a%00b"],
    unknown: ["/task-definitions/nowhere"],
    foreign: ["/task-definitions/known"],
  },
  "replace-task-definition": {
    good: ["/task-definitions/known", { body: { type: "http" } }],
    invalid: ["/task-definitions/known", { body: [] }],
    unknown: ["/task-definitions/nowhere", { body: { type: "http" } }],
    foreign: ["/task-definitions/known", { body: { type: "http" } }],
  },
  "delete-task-definition": {
    good: ["/task-definitions/deletable"],
    invalid: ["/task-definitions/a%00b"],
    unknown: ["/task-definitions/nowhere"],
    foreign: ["/task-definitions/known"],
  },
  "start-transaction": {
    good: ["/transactions", { body: { instance_id: "new", flow_id: "ours" } }],
    invalid: ["/transactions", { body: { instance_id: "", flow_id: "ours" } }],
    unknown: ["/transactions", { body: { instance_id: "t9", flow_id: "nowhere" } }],
    foreign: ["/transactions", { body: { instance_id: "t1", flow_id: "ours" } }],
  },
  "list-transactions": { good: ["/transactions"], invalid: ["/transactions?status=odd"], sees: isEmpty },
  "get-transaction": {
    good: ["/transactions/t1"],
    invalid: ["/transactions/t1?fresh=perhaps"],
    unknown: ["/transactions/nowhere"],
    foreign: ["/transactions/t1"],
  },
  "list-tasks": {
    good: ["/transactions/t1/tasks"],
    invalid: ["/transactions/a%00b/tasks"],
    unknown: ["/transactions/nowhere/tasks"],
    foreign: ["/transactions/t1/tasks"],
  },
  "list-attempts": {
    good: ["/transactions/t1/tasks/a/attempts"],
    invalid: ["/transactions/t1/tasks/a/attempts?limit=x"],
    unknown: ["/transactions/nowhere/tasks/a/attempts"],
    foreign: ["/transactions/t1/tasks/a/attempts"],
  },
  "get-task-output": {
    good: ["/transactions/t1/tasks/a/output"],
    invalid: ["/transactions/t1/tasks/a%00b/output"],
    unknown: ["/transactions/nowhere/tasks/a/output"],
    foreign: ["/transactions/t1/tasks/a/output"],
  },
  "list-log": {
    good: ["/transactions/t1/logs"],
    invalid: ["/transactions/t1/logs?limit=x"],
    unknown: ["/transactions/nowhere/logs"],
    foreign: ["/transactions/t1/logs"],
  },
  "get-timeline": {
    good: ["/transactions/t1/timeline"],
    invalid: ["/transactions/a%00b/timeline"],
    unknown: ["/transactions/nowhere/timeline"],
    foreign: ["/transactions/t1/timeline"],
  },
  "follow-events": {
    good: ["/transactions/ended/events"],
    invalid: ["/transactions/ended/events", { headers: { "last-event-id": "x" } }],
    unknown: ["/transactions/nowhere/events"],
    foreign: ["/transactions/ended/events"],
  },
  "retry-transaction": {
    good: ["/transactions/decided/retry", { headers: { "idempotency-key": "replayed-retry" } }],
    invalid: ["/transactions/t1/retry", { body: { reason: 1 } }],
    unknown: ["/transactions/nowhere/retry"],
    foreign: ["/transactions/t1/retry"],
  },
  "redo-transaction": {
    good: ["/transactions/over/redo"],
    invalid: ["/transactions/over/redo", { body: { params: [] } }],
    unknown: ["/transactions/nowhere/redo"],
    foreign: ["/transactions/over/redo"],
  },
  "cancel-transaction": {
    good: ["/transactions/decided/cancel", { headers: { "idempotency-key": "replayed-cancel" } }],
    invalid: ["/transactions/t1/cancel", { body: { reason: "" } }],
    unknown: ["/transactions/nowhere/cancel"],
    foreign: ["/transactions/t1/cancel"],
  },
  "pause-transaction": {
    good: ["/transactions/decided/pause", { headers: { "idempotency-key": "replayed-pause" } }],
    invalid: ["/transactions/t1/pause", { body: { reason: "" } }],
    unknown: ["/transactions/nowhere/pause"],
    foreign: ["/transactions/t1/pause"],
  },
  "resume-transaction": {
    good: ["/transactions/decided/resume", { headers: { "idempotency-key": "replayed-resume" } }],
    invalid: ["/transactions/t1/resume", { body: { reason: "" } }],
    unknown: ["/transactions/nowhere/resume"],
    foreign: ["/transactions/t1/resume"],
  },
  "decide-transaction": {
    good: [
      "/transactions/decided/decisions",
      { body: { action: "skip", task: "a", reason: "r" }, headers: { "idempotency-key": "replayed-skip" } },
    ],
    invalid: ["/transactions/t1/decisions", { body: { action: "skip" } }],
    unknown: ["/transactions/nowhere/decisions", { body: { action: "skip", task: "a", reason: "r" } }],
    foreign: ["/transactions/t1/decisions", { body: { action: "skip", task: "a", reason: "r" } }],
  },
  "create-bulk-job": {
    good: [
      "/bulk-jobs",
      { body: { action: "pause", filter: { flow_id: "ours" }, reason: "r", dry_run: true } },
    ],
    invalid: ["/bulk-jobs", { body: { action: "skip", filter: { flow_id: "ours" }, reason: "r" } }],
    sees: (answer) => expect(answer.json).toMatchObject({ status: 422, error: "bulk_job_empty" }),
  },
  "list-bulk-jobs": { good: ["/bulk-jobs"], invalid: ["/bulk-jobs?state=busy"], sees: isEmpty },
  "get-bulk-job": bulkJob("preview"),
  "list-bulk-items": {
    ...bulkJob("preview", "/items"),
    invalid: [`/bulk-jobs/${bulkId("preview")}/items?limit=0`],
  },
  "start-bulk-job": bulkJob("preview", "/start"),
  // Of a job without a workflow: it is what it would become.
  "pause-bulk-job": bulkJob("paused", "/pause"),
  "resume-bulk-job": bulkJob("running", "/resume"),
  "cancel-bulk-job": bulkJob("cancelled", "/cancel"),
  "list-exceptions": { good: ["/exceptions"], invalid: ["/exceptions?handled=maybe"], sees: isEmpty },
  "get-exception": {
    good: ["/exceptions/1"],
    invalid: ["/exceptions/one"],
    unknown: ["/exceptions/999"],
    foreign: ["/exceptions/1"],
  },
  "list-exception-groups": {
    good: ["/exceptions/groups"],
    invalid: ["/exceptions/groups?group=all"],
    sees: (answer) => expect(answer.data).toEqual({ list: [] }),
  },
  "acknowledge-exception": {
    good: ["/exceptions/1/acknowledge"],
    invalid: ["/exceptions/0/acknowledge"],
    unknown: ["/exceptions/999/acknowledge"],
    foreign: ["/exceptions/1/acknowledge"],
  },
  "assign-exception": {
    good: ["/exceptions/1/assign", { body: { owner: "ann", team: null } }],
    invalid: ["/exceptions/1/assign", { body: { team: "payments" } }],
    unknown: ["/exceptions/999/assign", { body: { owner: "ann" } }],
    foreign: ["/exceptions/1/assign", { body: { owner: "ann" } }],
  },
  "snooze-exception": {
    good: ["/exceptions/1/snooze", { body: { for: "2h" } }],
    invalid: ["/exceptions/1/snooze", { body: { for: "91d" } }],
    unknown: ["/exceptions/999/snooze", { body: { for: "2h" } }],
    foreign: ["/exceptions/1/snooze", { body: { for: "2h" } }],
  },
  "comment-exception": {
    good: ["/exceptions/1/comment", { body: { text: "seen" } }],
    invalid: ["/exceptions/1/comment", { body: { text: " " } }],
    unknown: ["/exceptions/999/comment", { body: { text: "seen" } }],
    foreign: ["/exceptions/1/comment", { body: { text: "seen" } }],
  },
  "list-exception-comments": {
    good: ["/exceptions/1/comments"],
    invalid: ["/exceptions/1/comments?page=0"],
    unknown: ["/exceptions/999/comments"],
    foreign: ["/exceptions/1/comments"],
  },
  "handle-exception": {
    good: ["/exceptions/1/handle", { body: { remark: "seen" } }],
    invalid: ["/exceptions/1/handle", { body: { remark: {} } }],
    unknown: ["/exceptions/999/handle", { body: { remark: "seen" } }],
    foreign: ["/exceptions/1/handle", { body: { remark: "seen" } }],
  },
  "retry-exception": {
    good: ["/exceptions/1/retry", { headers: { "idempotency-key": "replayed-exception" } }],
    invalid: ["/exceptions/0/retry"],
    unknown: ["/exceptions/999/retry"],
    foreign: ["/exceptions/1/retry"],
  },
  "get-tenant-metrics": {
    good: ["/stats/metrics"],
    invalid: ["/stats/metrics?since=1"],
    sees: ({ text }) =>
      expect(text.match(/^[^#].*$/gm)?.filter((line) => !/tenant="theirs-.* 0$/.test(line))).toEqual([]),
  },
  "get-overview-statistics": {
    good: ["/stats/overview"],
    invalid: ["/stats/overview?since=1"],
    sees: (answer) =>
      expect(answer.data).toMatchObject({ total_flows: 0, total_transactions: 0, unhandled_exceptions: 0 }),
  },
  "get-flow-statistics": {
    good: ["/stats/flows/ours"],
    invalid: ["/stats/flows/a%00b"],
    unknown: ["/stats/flows/nowhere"],
    foreign: ["/stats/flows/ours"],
  },
  "create-connection": {
    good: ["/connections", { body: { ...shop, name: "fresh" } }],
    invalid: ["/connections", { body: { ...shop, kind: "http", base_url: "ftp://x" } }],
    taken: ["/connections", { body: shop }],
  },
  "list-connections": { good: ["/connections"], invalid: ["/connections?limit=x"], sees: isEmpty },
  "get-connection": {
    good: ["/connections/shop"],
    invalid: ["/connections/a%20b"],
    unknown: ["/connections/nowhere"],
    foreign: ["/connections/shop"],
  },
  "replace-connection": {
    good: ["/connections/shop", { body: shop }],
    invalid: ["/connections/shop", { body: { ...shop, port: 1 } }],
    unknown: ["/connections/nowhere", { body: { ...shop, name: "nowhere" } }],
    foreign: ["/connections/shop", { body: shop }],
  },
  "delete-connection": {
    good: ["/connections/spare"],
    invalid: ["/connections/a%20b"],
    unknown: ["/connections/nowhere"],
    foreign: ["/connections/shop"],
  },
  "test-connection": {
    good: ["/connections/shop/test"],
    invalid: ["/connections/a%20b/test"],
    unknown: ["/connections/nowhere/test"],
    foreign: ["/connections/shop/test"],
  },
  "save-secret": {
    good: ["/secrets", { body: { name: "fresh", value: "long-enough" } }],
    invalid: ["/secrets", { body: { name: "fresh", value: "short" } }],
    taken: ["/secrets", { body: { name: "planted", value: "planted-value" } }],
  },
  "list-secrets": { good: ["/secrets"], invalid: ["/secrets?page=0"], sees: isEmpty },
  "delete-secret": {
    good: ["/secrets/spare"],
    invalid: ["/secrets/a%20b"],
    unknown: ["/secrets/nowhere"],
    foreign: ["/secrets/planted"],
  },
  "create-key": {
    good: ["/keys", { body: { name: "ci", scopes: ["flows:read"] } }],
    invalid: ["/keys", { body: { name: "ci", scopes: ["everything"] } }],
    sees: async ({ data: { key } }) => isEmpty(await rig.call("GET", "/api/v1/flows", { key })),
  },
  "list-keys": {
    good: ["/keys"],
    invalid: ["/keys?page=-1"],
    sees: (answer) =>
      expect(answer.data.list.every(({ name }: { name: string }) => name === "theirs")).toBe(true),
  },
  "list-approvals": { good: ["/approvals"], invalid: ["/approvals?from_others=maybe"], sees: isEmpty },
  "list-audit": { good: ["/audit"], invalid: ["/audit?since=yesterday"], sees: isEmpty },
  "revoke-key": {
    good: ["/keys/AAAAAAAA"],
    invalid: ["/keys/%00"],
    unknown: ["/keys/ZZZZZZZZ"],
    foreign: ["/keys/AAAAAAAA"],
  },
}

const guarded = ROUTES.filter(({ scope }) => scope !== "public")
const open = ROUTES.filter(({ scope }) => scope === "public")

let rig: ApiRig
let ours: string
const theirsKeys: Record<string, string> = {}

beforeAll(async () => {
  rig = await startApiRig({ auth: "keys" })
  ours = await rig.key({ tenant: "ours" })
  for (const name of ["shop", "spare"]) await ask("POST", "/connections", { body: { ...shop, name } })
  for (const name of ["planted", "spare"])
    await ask("POST", "/secrets", { body: { name, value: "planted-value" } })
  await ask("POST", "/flows", { body: { definition: definition("ours") } })
  for (const name of ["deletable", "idle"])
    await ask("POST", "/flows", { body: { definition: definition(name) } })
  for (const name of ["known", "deletable"])
    await ask("POST", "/task-definitions", { body: { name, type: "http" } })
  for (const instance_id of ["t1", "decided", "over"]) {
    await ask("POST", "/transactions", { body: { instance_id, flow_id: "ours" } })
  }
  await plant()
})
afterAll(() => rig.stop())

test("every route has its cases, and every case a route", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(guarded.map(({ id }) => id).toSorted())
})

/** The routes that have this case. */
function withCase(part: keyof Case) {
  return guarded.flatMap((route): [string, ApiRoute, Case][] => {
    const found = CASES[route.id]
    const name = `${route.contract.method.toUpperCase()} ${route.contract.path}`
    return found?.[part] === undefined ? [] : [[name, route, found]]
  })
}

describe("a route with a scope", () => {
  test.each(withCase("good"))("%s asks for a key that is valid now", async (_name, route, { good }) => {
    const { token: stranger } = createApiKeyToken()
    const expired = await rig.key({ tenant: "ours" })
    await rig.pool.query("update api_key set expires_at = now() - interval '1 second' where id = $1", [
      idOf(expired),
    ])
    const revoked = await rig.key({ tenant: "ours" })
    await rig.pool.query("update api_key set revoked_at = now() where id = $1", [idOf(revoked)])
    const tampered = ours.replace(/.(?=_[0-9a-f]{8}$)/, (last) => (last === "a" ? "b" : "a"))
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer x",
      `Basic ${ours}`,
      `Bearer ${ours} ${ours}`,
      `Bearer ${stranger}`,
      `Bearer ${tampered}`,
      `Bearer ${expired}`,
      `Bearer ${revoked}`,
    ]) {
      const headers = authorization === undefined ? {} : { authorization }
      const answer = await send(route, good, { headers, key: undefined })
      expectProblem(answer, 401, "unauthenticated")
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /)
    }
  })

  test.each(withCase("good"))("%s asks for its scope", async (_name, route, { good }) => {
    const scopes = SCOPES.filter((scope) => scope !== route.scope)
    const answer = await send(route, good, { key: await rig.key({ tenant: "ours", scopes }) })
    expectProblem(answer, 403, "forbidden")
    expect(answer.json.detail).toContain(route.scope)
  })

  test.each(withCase("good"))("%s answers as its contract says", async (_name, route, { good }) => {
    const answer = await send(route, good, {
      key: await rig.key({ tenant: "ours", scopes: scopesFor(route) }),
    })
    expect(answer.status, answer.text).toBeLessThan(300)
    expectContract(route, answer)
  })

  test.each(withCase("invalid"))("%s refuses a malformed request", async (_name, route, { invalid }) => {
    expectProblem(await send(route, invalid, { key: ours }), 400, "request_invalid")
  })

  test.each(withCase("unknown"))(
    "%s does not find what is not there",
    async (_name, route, { good, unknown = good }) => {
      expectProblem(await send(route, unknown, { key: ours }), 404)
    },
  )

  test.each(withCase("foreign"))(
    "%s answers for another tenant's as for nothing, to the byte",
    async (_name, route, { good, unknown = good, foreign = good }) => {
      const key = await keyOfAnotherTenant(route.id)
      const headers = { "x-request-id": "same" }
      const hidden = await send(route, foreign, { key, headers })
      const missing = await send(route, unknown, { key, headers })
      expectProblem(hidden, 404)
      expect(hidden.text).toBe(missing.text)
      expect(headersOf(hidden)).toEqual(headersOf(missing))
      const claims = {
        "x-tenant": "ours",
        "x-tenant-id": "ours",
        "x-holdfast-tenant": "ours",
        cookie: "tenant=ours",
      }
      expectProblem(await send(route, foreign, { key, headers: claims }), 404)
    },
  )

  test.each(withCase("sees"))(
    "%s shows another tenant nothing of ours",
    async (_name, route, { good, sees }) => {
      await sees?.(await send(route, good, { key: await keyOfAnotherTenant(route.id) }))
    },
  )

  test.each(withCase("taken"))(
    "%s gives another tenant the name that we have, as a new one",
    async (_name, route, { good, taken = good }) => {
      expect((await send(route, taken, { key: ours })).status).not.toBe(201)
      const answer = await send(route, taken, { key: await keyOfAnotherTenant(route.id) })
      expect(answer.status, answer.text).toBe(201)
      expectContract(route, answer)
    },
  )
})

describe.each(open.map((route) => [route.contract.path, route] as const))("GET %s", (_path, route) => {
  test("asks for no key, and answers as its contract says", async () => {
    const answer = await rig.call("GET", route.contract.path)
    expect(answer.status, answer.text).toBe(200)
    expectContract(route, answer)
  })
})

async function send(
  route: ApiRoute,
  [path, options = {}]: Call,
  overrides: { key: string | undefined; headers?: Record<string, string> },
) {
  const { key, headers } = overrides
  return rig.call(route.contract.method.toUpperCase(), `/api/v1${path}`, {
    ...options,
    headers: { ...options.headers, ...headers },
    ...(key === undefined ? {} : { key }),
  })
}

function ask(method: string, path: string, options: CallOptions) {
  return rig.call(method, `/api/v1${path}`, { ...options, key: ours })
}

/** One tenant per route: what one route's cases create must not be what another's find. */
async function keyOfAnotherTenant(id: string) {
  return (theirsKeys[id] ??= await rig.key({ tenant: `theirs-${id}`, name: "theirs" }))
}

/** The route's own scope is enough; handing scopes on takes having them. */
function scopesFor({ id, scope }: ApiRoute): Scope[] {
  return id === "create-key" ? ["keys:admin", "flows:read"] : [scope as Scope]
}

function idOf(token: string) {
  return token.split("_")[1]
}

function headersOf({ headers }: Answer) {
  return Object.fromEntries([...headers].filter(([name]) => name !== "date"))
}

function expectProblem(answer: Answer, status: number, word?: string) {
  expect(answer.status, answer.text).toBe(status)
  expect(answer.headers.get("content-type")).toBe("application/problem+json")
  expect(Problem.strict().parse(answer.json)).toMatchObject({ code: status, status, data: null })
  expect(answer.json.request_id).toBe(answer.headers.get("x-request-id"))
  if (word !== undefined) expect(answer.json.error).toBe(word)
}

function expectContract({ contract }: ApiRoute, answer: Answer) {
  const response = contract.responses[answer.status] as { content: Record<string, { schema: z.ZodType }> }
  const [type = ""] = (answer.headers.get("content-type") ?? "").split(";")
  expect(Object.keys(response.content)).toContain(type)
  const said = type === "application/json" ? answer.json : answer.text
  // Equal, so that nothing is answered that the contract does not declare.
  expect(response.content[type]?.schema.parse(said)).toEqual(said)
}

/** Decisions that were taken, so that their routes answer without a worker; an exception; a key. */
async function insertBulkJob(pool: ApiRig["pool"], state: string) {
  await pool.query(
    `insert into bulk_job (tenant_id, id, action, reason, filter, actor, roles, velocity, canary, stop_above, settle_ms,
                           state)
     values ('ours', $1, 'pause', 'r', '{}', 'tester', '{}', 1, 0, 0.2, 1000, $2)`,
    [bulkId(state), state],
  )
}

async function plant() {
  await rig.pool.query(
    "update txn set status = 'compensated', confirmed_at = now() where instance_id = 'over'",
  )
  await insertStoredTransaction(rig.pool, { tenant: "ours", instanceId: "ended" })
  await rig.pool.query(
    "update txn set status = 'success', confirmed_at = now() where tenant_id = 'ours' and instance_id = 'ended'",
  )
  await rig.pool.query(
    "insert into event (tenant_id, instance_id, type, data) values ('ours', 'ended', 'transaction.ended', '{}')",
  )
  const after = JSON.stringify({
    version: 1,
    status: "running",
    tasks: [{ path: "a", status: "skipped", outcome: "skipped" }],
  })
  for (const [id, action, path] of [
    ["replayed-retry", "retry"],
    ["replayed-cancel", "cancel"],
    ["replayed-pause", "pause"],
    ["replayed-resume", "resume"],
    ["replayed-skip", "skip", "a"],
    ["replayed-exception", "retry", "a"],
  ]) {
    await rig.pool.query(
      `insert into decision (tenant_id, instance_id, decision_id, action, path, actor, before, after, decided_at)
       values ('ours', 'decided', $1, $2, $3, 'tester', $4, $4, now() - interval '1 hour')`,
      [id, action, path, after],
    )
  }
  await rig.pool.query(
    `insert into exception (tenant_id, instance_id, path, operation, generation, kind, severity, state, code, message,
                            outcome, occurrence, retry_safe, retry_safe_reason, suggested_actions, occurred_at,
                            resets, chain, seq)
     values ('ours', 'decided', 'a', 'do', 1, 'rejected', 'error', 'open', 'HTTP_409', 'no', 'rejected', 1, false,
             'it would be refused again', '{complete,skip}', now(), 0, 0, 1)`,
  )
  for (const state of BULK_STATES.filter((one) => one !== "nowhere")) await insertBulkJob(rig.pool, state)
  await rig.pool.query(
    `insert into api_key (id, tenant_id, name, secret_hash, scopes, expires_at)
     values ('AAAAAAAA', 'ours', 'spare', decode(repeat('00', 32), 'hex'), '{}', now() + interval '1 day')`,
  )
}
