import { randomUUID } from "node:crypto"
import { fileURLToPath } from "node:url"
import { NativeConnection, Worker } from "@temporalio/worker"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { TASK_QUEUE } from "../../src/contract/messages.ts"
import { type ApiRig, type CallOptions, startApiRig } from "../helpers/api-rig.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"
import { getServers } from "../helpers/servers.ts"
import { until } from "../helpers/until.ts"

let rig: ApiRig
let stopWorker: () => Promise<void>

beforeAll(async () => {
  rig = await startApiRig({ connections: [{ name: "shop", kind: "http" }] })
  stopWorker = await startWorker()
  const tasks = [
    { id: "pay", task_name: "http", description: "Charge", config: { url: "/pay", connection: "shop" } },
  ]
  await rig.call("POST", "/api/v1/flows", { body: { name: "decidable", tasks } })
})
afterAll(async () => {
  await stopWorker()
  await rig.stop()
})

/** Any workflow type is the default export: the hand-written one. */
async function startWorker() {
  quietTemporal()
  const connection = await NativeConnection.connect({ address: (await getServers()).temporalAddress })
  const worker = await Worker.create({
    connection,
    namespace: rig.namespace,
    taskQueue: TASK_QUEUE,
    workflowsPath: fileURLToPath(new URL("workflows/decidable.ts", import.meta.url)),
  })
  const running = worker.run()
  return async () => {
    worker.shutdown()
    await running
    await connection.close()
  }
}

async function start(params: object = {}) {
  const instance_id = `订单/${randomUUID()}`
  const answer = await rig.call("POST", "/api/v1/transactions", {
    body: { instance_id, flow_id: "decidable", params },
  })
  expect(answer.status, answer.text).toBe(201)
  return instance_id
}

function post(instanceId: string, verb: string, options: CallOptions = {}) {
  return rig.call("POST", `/api/v1/transactions/${encodeURIComponent(instanceId)}/${verb}`, options)
}

function fresh(instanceId: string) {
  return rig.call("GET", `/api/v1/transactions/${encodeURIComponent(instanceId)}?fresh=true`)
}

function workflowOf(instanceId: string) {
  return rig.client.workflow.getHandle(`default/${instanceId}`)
}

function mirrorStatus(instanceId: string, status: string) {
  return rig.pool.query("update txn set status = $2 where instance_id = $1", [instanceId, status])
}

interface Recorded {
  action: string
  path?: string
  before?: object
  after?: object
  at?: Date
}

const request = (id: string, action: string, task: string | null) => ({
  id,
  action,
  task,
  operation: "do",
  requester: "ann",
  at: 0,
  expires_at: 1,
})

function proposal(action: string, path: string): Recorded {
  return { action: "propose", path, after: { request: request("p", action, path) } }
}

function approval(of: string): Recorded {
  return { action: "approve", before: { request: request(of, "skip", "pay") } }
}

/** As the mirror does, of a decision that was taken. @param at long ago unless said: an open run forgets old ones. */
async function record(instanceId: string, key: string, { action, path, before, after, at }: Recorded) {
  const state = { version: 7, status: "running", tasks: [] }
  await rig.pool.query(
    `insert into decision (tenant_id, instance_id, decision_id, action, path, actor, before, after, decided_at)
     values ('default', $1, $2, $3, $4, 'local', $5, $6, coalesce($7, now() - interval '1 hour'))`,
    [instanceId, key, action, path, { ...state, ...before }, { ...state, ...after }, at],
  )
}

describe("POST /api/v1/transactions/{id}/decisions", () => {
  test("carries the whole decision to the workflow and answers what it led to", async () => {
    const id = await start()
    const body = {
      action: "retry",
      task: "pay",
      reason: "  the bank says no  ",
      attest: "not_executed",
      evidence: { ticket: 7 },
      executed_externally: false,
      expected_version: 0,
    }
    const answer = await post(id, "decisions", { body, headers: { "idempotency-key": "key-1" } })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.data).toEqual({
      instance_id: id,
      decision_id: "key-1",
      action: "retry",
      status: "running",
      version: 1,
      tasks: [{ path: "pay", status: "running" }],
    })
    const seen = await fresh(id)
    const by = { actor: "local", roles: ["admin"] }
    expect(seen.data.output).toEqual({ ...body, reason: "the bank says no", id: "key-1", ...by })
  })

  test("answers a refusal with 409 and its word, and forgets the key", async () => {
    const id = await start({ refuse: { retry: "unknown_needs_attestation" } })
    const headers = { "idempotency-key": randomUUID() }
    for (let round = 0; round < 2; round++) {
      const answer = await post(id, "decisions", {
        body: { action: "retry", task: "pay", reason: "r" },
        headers,
      })
      expect(answer.json).toMatchObject({ status: 409, error: "unknown_needs_attestation", data: null })
      expect(answer.json.detail).toMatch(/attest/)
    }
    expect((await fresh(id)).data.version).toBe(0)
  })

  test("needs a reason, a known action and nothing else", async () => {
    const id = await start()
    for (const [body, pointer] of [
      [{ action: "retry" }, "/reason"],
      [{ action: "retry", reason: "  " }, "/reason"],
      [{ action: "agree", reason: "r" }, "/action"],
      [{ action: "propose", reason: "r" }, "/action"],
      [{ action: "skip", reason: "r", attest: "maybe" }, "/attest"],
      [{ action: "skip", reason: "r", tsak: "pay" }, "/tsak"],
    ] as const) {
      expect((await post(id, "decisions", { body })).json).toMatchObject({
        status: 400,
        errors: [{ pointer }],
      })
    }
  })

  test("gives the same key the same answer, also after the run closed", async () => {
    const id = await start()
    const decision = {
      body: { action: "cancel", reason: "enough" },
      headers: { "idempotency-key": randomUUID() },
    }
    const first = await post(id, "decisions", decision)
    expect(first.data.status).toBe("cancelled")
    await workflowOf(id).result()
    const again = await post(id, "decisions", decision)
    expect(again.status).toBe(200)
    expect(again.headers.get("idempotency-replayed")).toBe("true")
    expect(again.data).toEqual(first.data)
    // When the stored answer is gone too, the decision table answers.
    await rig.pool.query("delete from idempotency")
    await rig.pool.query(
      `insert into decision (tenant_id, instance_id, decision_id, action, actor, before, after, decided_at)
       values ('default', $1, $2, 'cancel', 'local', $3, $3, now())`,
      [
        id,
        decision.headers["idempotency-key"],
        JSON.stringify({ version: 1, status: "cancelled", tasks: [] }),
      ],
    )
    expect((await post(id, "decisions", decision)).data).toEqual(first.data)
    const other = await post(id, "decisions", { body: { action: "retry", reason: "late" } })
    expect(other.json).toMatchObject({ status: 409, error: "ended" })
  })

  test("answers from the run itself when Temporal has forgotten the update and nothing is mirrored", async () => {
    const id = await start({ endsInNextRun: true })
    const decision = {
      body: { action: "cancel", reason: "enough" },
      headers: { "idempotency-key": randomUUID() },
    }
    const first = await post(id, "decisions", decision)
    expect(first.data.status).toBe("cancelled")
    await workflowOf(id).result()
    await rig.pool.query("delete from idempotency")
    const again = await post(id, "decisions", decision)
    expect(again.status).toBe(200)
    expect(again.data).toEqual(first.data)
    const other = await post(id, "decisions", { body: { action: "cancel", reason: "late" } })
    expect(other.json).toMatchObject({ status: 409, error: "ended" })
  })

  test("answers from the record for an open run that has forgotten the id", async () => {
    const id = await start()
    const key = randomUUID()
    const tasks = [{ path: "pay", status: "running", outcome: "unknown" }]
    await record(id, key, { action: "retry", before: { tasks }, after: { tasks } })
    const answer = await post(id, "decisions", {
      body: { action: "retry", reason: "r" },
      headers: { "idempotency-key": key },
    })
    expect(answer.data).toMatchObject({
      decision_id: key,
      version: 7,
      tasks: [{ path: "pay", status: "running" }],
    })
    expect((await fresh(id)).data.version).toBe(0)
  })

  const PAY = { task: "pay", reason: "r" }
  test.each([
    ["another action", { action: "cancel" }, { action: "mark_compensated", ...PAY }],
    ["another task", { action: "retry", path: "ship" }, { action: "retry", ...PAY }],
    ["all tasks, not one", { action: "retry" }, { action: "retry", ...PAY }],
    ["one task, not all", { action: "retry", path: "pay" }, { action: "retry", reason: "r" }],
    ["another proposal", proposal("skip", "pay"), { action: "complete", ...PAY }],
    ["the proposal of another task", proposal("skip", "ship"), { action: "skip", ...PAY }],
    ["another request's approval", approval("r-1"), { action: "approve", request: "r-2", reason: "r" }],
  ])("refuses a key that was used for %s", async (_, used, body) => {
    const id = await start()
    const key = randomUUID()
    await record(id, key, used)
    const answer = await post(id, "decisions", { body, headers: { "idempotency-key": key } })
    expect(answer.json).toMatchObject({ status: 422, error: "idempotency_key_reused", data: null })
    expect((await fresh(id)).data.version).toBe(0)
  })

  test.each([
    ["a task", { action: "retry", path: "pay" }, { action: "retry", ...PAY }],
    ["a proposal", proposal("skip", "pay"), { action: "skip", ...PAY }],
    ["an approval", approval("r-1"), { action: "approve", request: "r-1", reason: "r" }],
  ])("answers the repeat of %s from the record", async (_, used, body) => {
    const id = await start()
    const key = randomUUID()
    await record(id, key, used)
    const answer = await post(id, "decisions", { body, headers: { "idempotency-key": key } })
    expect(answer.data, answer.text).toMatchObject({ decision_id: key, action: body.action, version: 7 })
    expect((await fresh(id)).data.version).toBe(0)
  })

  test("carries out what is on record and never came to the run, and takes it once", async () => {
    const id = await start()
    const headers = { "idempotency-key": randomUUID() }
    await record(id, headers["idempotency-key"], { action: "retry", path: "pay", at: new Date() })
    const body = { action: "retry", ...PAY }
    expect((await post(id, "decisions", { body, headers })).data).toMatchObject({ version: 1 })
    expect((await fresh(id)).data.output).toMatchObject({ action: "retry", task: "pay" })
    await rig.pool.query("delete from idempotency")
    expect((await post(id, "decisions", { body, headers })).status).toBe(200)
    expect((await fresh(id)).data.version).toBe(1)
  })

  test("refuses a key whose own decision only the last run knows", async () => {
    const id = await start({ endsInNextRun: true })
    const headers = { "idempotency-key": randomUUID() }
    await post(id, "cancel", { headers })
    await workflowOf(id).result()
    await rig.pool.query("delete from idempotency")
    const body = { action: "mark_compensated", ...PAY }
    expect((await post(id, "decisions", { body, headers })).json).toMatchObject({
      status: 422,
      error: "idempotency_key_reused",
    })
  })

  test("decides once when the same key comes ten times at once", async () => {
    const id = await start()
    const decision = { body: { action: "retry", reason: "r" }, headers: { "idempotency-key": randomUUID() } }
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(id, "decisions", decision)))
    const statuses = new Set(answers.map(({ status, json }) => `${status} ${json.error ?? ""}`.trim()))
    expect([...statuses].every((status) => status === "200" || status === "409 idempotency_key_in_use")).toBe(
      true,
    )
    expect((await post(id, "decisions", decision)).status).toBe(200)
    expect((await fresh(id)).data.version).toBe(1)
  })

  test("takes many decisions about one transaction at once", async () => {
    const id = await start()
    const decide = (_: unknown, at: number) =>
      post(id, "decisions", { body: { action: "retry", reason: `${at}` } })
    const answers = await Promise.all(Array.from({ length: 60 }, decide))
    expect(answers.map(({ status, text }) => `${status} ${status === 200 ? "" : text}`.trim())).toEqual(
      answers.map(() => "200"),
    )
    expect((await fresh(id)).data.version).toBe(60)
  })

  test("starts what was accepted and not started yet, then decides", async () => {
    const id = await start()
    await workflowOf(id).terminate()
    await rig.pool.query("delete from txn where instance_id = $1", [id])
    const orphan = `${id}-orphan`
    await rig.pool.query(
      `insert into txn (tenant_id, instance_id, workflow_id, flow_id, flow_name, flow_version, plan_hash, params,
                        request_hash, actor)
       select 'default', $1, 'default/' || $1, f.id, f.name, 1, v.plan_hash, '{}', 'h', 'local'
       from flow f join flow_version v on v.flow_id = f.id`,
      [orphan],
    )
    const answer = await post(orphan, "cancel")
    expect(answer.data).toEqual({ instance_id: orphan, status: "cancelled" })
    expect((await workflowOf(orphan).describe()).status.name).toBe("COMPLETED")
  })
})

describe("POST /api/v1/transactions/{id}/retry", () => {
  test("retries what is parked, and records the route's name as the reason", async () => {
    const id = await start()
    await mirrorStatus(id, "blocked")
    const answer = await post(id, "retry")
    expect(answer.status, answer.text).toBe(200)
    expect(answer.data).toEqual({ instance_id: id, status: "pending" })
    const { data } = await fresh(id)
    expect(data.output).toMatchObject({
      action: "retry",
      actor: "local",
      reason: "POST /transactions/{id}/retry",
    })
    expect(data.output).not.toHaveProperty("task")
    await post(id, "retry", { body: { reason: "carrier is back" } })
    expect((await fresh(id)).data.output.reason).toBe("carrier is back")
  })

  test("takes a body-less request with a JSON content type", async () => {
    const id = await start()
    expect((await post(id, "retry", { headers: { "content-type": "application/json" } })).status).toBe(200)
    expect((await post(id, "retry", { raw: "" })).status).toBe(200)
  })

  test("answers 409 when nothing is parked", async () => {
    const id = await start({ refuse: { retry: "nothing_parked" } })
    expect((await post(id, "retry")).json).toMatchObject({ status: 409, error: "nothing_to_retry" })
    const success = await start()
    await post(success, "cancel")
    await mirrorStatus(success, "success")
    expect((await post(success, "retry")).json).toMatchObject({ status: 409, error: "nothing_to_retry" })
  })

  test("passes on why a parked task may not be retried", async () => {
    const id = await start({ refuse: { retry: "nothing_retryable" } })
    expect((await post(id, "retry")).json).toMatchObject({ status: 409, error: "nothing_retryable" })
  })

  test("goes on with a failed transaction in a new run, once", async () => {
    const id = await start({ fail: true })
    await until(
      () => workflowOf(id).describe(),
      ({ status }) => status.name === "FAILED",
    )
    await mirrorStatus(id, "failed")
    const headers = { "idempotency-key": randomUUID() }
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(id, "retry", { headers })))
    expect(answers.some(({ status }) => status === 200)).toBe(true)
    expect((await post(id, "retry", { headers })).data).toEqual({ instance_id: id, status: "pending" })
    const { data } = await fresh(id)
    expect(data.output).toMatchObject({ id: headers["idempotency-key"], action: "retry" })
    expect((await workflowOf(id).describe()).status.name).toBe("RUNNING")
  })

  test("resumes also while the mirror has not heard of the failure", async () => {
    const id = await start({ fail: true })
    await until(
      () => workflowOf(id).describe(),
      ({ status }) => status.name === "FAILED",
    )
    const { rows } = await rig.pool.query("select status from txn where instance_id = $1", [id])
    expect(rows).toEqual([{ status: "pending" }])
    expect((await post(id, "retry")).status).toBe(200)
    expect((await workflowOf(id).describe()).status.name).toBe("RUNNING")
  })
})

describe("a retry of what is over for good", () => {
  test("says that the workflow was lost", async () => {
    const id = await start()
    const exceptionId = await openException(id)
    await workflowOf(id).terminate()
    await mirrorStatus(id, "failed")
    for (const answer of [
      await post(id, "retry"),
      await rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`),
    ]) {
      expect(answer.json).toMatchObject({ status: 409, error: "orchestrator_lost" })
      expect(answer.json.detail).toMatch(/terminated/)
    }
  })

  test("says that it did not fail", async () => {
    const id = await start()
    await post(id, "cancel")
    await workflowOf(id).result()
    // The mirror has not heard of the end.
    await mirrorStatus(id, "running")
    const answer = await post(id, "retry")
    expect(answer.json).toMatchObject({ status: 409, error: "nothing_to_retry" })
    expect(answer.json.detail).toMatch(/otherwise than by failing/)
  })
})

describe("POST /api/v1/transactions/{id}/cancel", () => {
  test("cancels, and answers 409 when it is over", async () => {
    const id = await start()
    expect((await post(id, "cancel")).data).toEqual({ instance_id: id, status: "cancelled" })
    await workflowOf(id).result()
    expect((await post(id, "cancel")).json).toMatchObject({ status: 409, error: "ended" })
  })
})

describe("GET /api/v1/transactions/{id}?fresh=true", () => {
  test("lays the workflow's own view over the mirror", async () => {
    const id = await start()
    await rig.pool.query(
      `insert into txn_task (tenant_id, instance_id, path, task_index, generation, status, outcome, compensation,
                             input, output, resets, chain, seq)
       values ('default', $1, 'pay', 0, 1, 'running', 'unknown', 'none', '{"kept":1}', '{"kept":2}', 0, 0, 1)`,
      [id],
    )
    const { data } = await fresh(id)
    expect(data).toMatchObject({ status: "blocked", open_exceptions: 1, ignored_messages: 3 })
    expect(data.tasks).toMatchObject([
      {
        status: "parked",
        outcome: "unknown",
        generation: 2,
        error_code: "HTTP_504",
        input_data: { kept: 1 },
        output_data: { kept: 2 },
        started_at: "2026-11-21T00:00:00.000Z",
      },
    ])
    const mirrored = await rig.call("GET", `/api/v1/transactions/${encodeURIComponent(id)}`)
    expect(mirrored.data).toMatchObject({ status: "pending", tasks: [{ status: "running" }] })
  })

  test("asks a run again that refused the question", async () => {
    const id = await start({ refusesQuestions: 1 })
    expect((await fresh(id)).data).toMatchObject({ status: "blocked" })
  })

  test("says so when no worker can read the run", async () => {
    const id = await start({ refusesQuestions: 2 })
    expect((await fresh(id)).json).toMatchObject({ status: 503, error: "run_unreadable" })
  })
})

describe("POST /api/v1/exceptions/{id}/retry", () => {
  test("decides about the exception's task", async () => {
    const id = await start()
    const exceptionId = await openException(id)
    const before = Date.now()
    const answer = await rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`)
    expect(answer.data).toMatchObject({ exception_id: exceptionId, retry_scheduled: true })
    const acceptedAt = Date.parse(answer.data.retry_next_at)
    expect(acceptedAt).toBeGreaterThanOrEqual(before)
    expect(acceptedAt).toBeLessThanOrEqual(Date.now())
    expect((await fresh(id)).data.output).toMatchObject({
      action: "retry",
      task: "pay",
      reason: "POST /exceptions/{id}/retry",
    })
  })

  test("stays legal after handle, and ends with the exception", async () => {
    const id = await start()
    const exceptionId = await openException(id)
    const handled = await rig.call("POST", `/api/v1/exceptions/${exceptionId}/handle`, {
      body: { remark: "人工确认问题已解决" },
    })
    expect(handled.data).toEqual({ exception_id: exceptionId, handled: true })
    expect((await rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`)).status).toBe(200)
    await rig.pool.query("update exception set state = 'resolved' where id = $1", [exceptionId])
    expect((await rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`)).json).toMatchObject({
      status: 409,
      error: "not_parked",
    })
  })

  test.each(["failed", "blocked"])(
    "resumes a failed transaction that the mirror shows as %s",
    async (status) => {
      const id = await start({ fail: true })
      const exceptionId = await openException(id)
      await until(
        () => workflowOf(id).describe(),
        (described) => described.status.name === "FAILED",
      )
      await mirrorStatus(id, status)
      const headers = { "idempotency-key": randomUUID() }
      const path = `/api/v1/exceptions/${exceptionId}/retry`
      const answer = await rig.call("POST", path, { headers })
      expect(answer.data, answer.text).toMatchObject({ exception_id: exceptionId, retry_scheduled: true })
      const { data } = await fresh(id)
      expect(data.output).toMatchObject({ action: "retry", reason: "POST /exceptions/{id}/retry" })
      expect(data.output).not.toHaveProperty("task")
      // The answer was lost, and the record says who resolved it.
      await rig.pool.query("delete from idempotency")
      await rig.pool.query("update exception set state = 'resolved', resolved_by = $2 where id = $1", [
        exceptionId,
        headers["idempotency-key"],
      ])
      expect((await rig.call("POST", path, { headers })).status).toBe(200)
      expect((await rig.call("POST", path)).json).toMatchObject({ status: 409, error: "not_parked" })
    },
  )

  test("takes no key of another decision, also of the one that resolved it", async () => {
    const id = await start()
    const exceptionId = await openException(id)
    const headers = { "idempotency-key": randomUUID() }
    const retry = () => rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`, { headers })
    const reused = { status: 422, error: "idempotency_key_reused" }
    await record(id, headers["idempotency-key"], { action: "skip", path: "pay" })
    expect((await retry()).json).toMatchObject(reused)
    await rig.pool.query("update exception set state = 'resolved', resolved_by = $2 where id = $1", [
      exceptionId,
      headers["idempotency-key"],
    ])
    expect((await retry()).json).toMatchObject(reused)
    expect((await fresh(id)).data.version).toBe(0)
  })

  test("carries out a retry that is on record, also as what resolved it, and never came to the run", async () => {
    const id = await start()
    const exceptionId = await openException(id)
    const key = randomUUID()
    await record(id, key, { action: "retry", path: "pay", at: new Date() })
    await rig.pool.query("update exception set state = 'resolved', resolved_by = $2 where id = $1", [
      exceptionId,
      key,
    ])
    const headers = { "idempotency-key": key }
    expect((await rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`, { headers })).status).toBe(200)
    expect((await fresh(id)).data.output).toMatchObject({ action: "retry", task: "pay", id: key })
    const { rows } = await rig.pool.query("select from decision where decision_id = $1", [key])
    expect(rows).toEqual([])
  })

  test("answers the repeat of a retry that went on with the whole failed transaction", async () => {
    const id = await start()
    const exceptionId = await openException(id)
    const headers = { "idempotency-key": randomUUID() }
    await record(id, headers["idempotency-key"], { action: "retry", before: { status: "failed" } })
    const answer = await rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`, { headers })
    expect(answer.status, answer.text).toBe(200)
    expect((await fresh(id)).data.version).toBe(0)
  })

  test("answers 409 when the transaction is over", async () => {
    const id = await start()
    const exceptionId = await openException(id)
    await post(id, "cancel")
    await mirrorStatus(id, "cancelled")
    expect((await rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`)).json).toMatchObject({
      status: 409,
      error: "nothing_to_retry",
    })
  })

  test("answers 409 when the task is not parked", async () => {
    const id = await start({ refuse: { retry: "not_parked" } })
    const exceptionId = await openException(id)
    expect((await rig.call("POST", `/api/v1/exceptions/${exceptionId}/retry`)).json.error).toBe("not_parked")
  })
})

async function openException(instanceId: string): Promise<number> {
  const { rows } = await rig.pool.query(
    `insert into exception (tenant_id, instance_id, path, operation, generation, kind, severity, state, code, message,
                            outcome, occurrence, retry_safe, retry_safe_reason, suggested_actions, occurred_at,
                            resets, chain, seq)
     values ('default', $1, 'pay', 'do', 1, 'retries_exhausted', 'error', 'open', 'HTTP_503', 'no', 'not_executed', 1,
             true, 'it did not run', '{retry}', now(), 0, 0, 1)
     returning id`,
    [instanceId],
  )
  return rows[0].id
}
