/** The frame on a real server: what an attempt knows of the one before it, delays, and cancellation. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { closedPort, startHttp } from "../../src/activities/calls.testsuite.ts"
import type { Connection } from "../../src/contract/connections.ts"
import type { View } from "../../src/contract/rows.ts"
import { startWorkflowRig, type WorkflowRig } from "../helpers/workflow-rig.ts"

let rig: WorkflowRig
/** Added to by the tests. */
const connections: Connection[] = []
const cleanups: (() => unknown)[] = []

beforeAll(async () => {
  rig = await startWorkflowRig({ connections })
})
afterAll(() => rig.stop())
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Served {
  port: number
  keys: string[]
  times: number[]
}

/** Answers the n-th request with the n-th status, and hangs when there is none. */
async function serve(
  statuses: number[],
  headers: () => Record<string, string> = () => ({}),
): Promise<Served> {
  const served: Served = { port: 0, keys: [], times: [] }
  const server = await startHttp(({ headers: sent }, response) => {
    const status = statuses[served.keys.length]
    served.keys.push(String(sent["idempotency-key"]))
    served.times.push(Date.now())
    if (status !== undefined) response.writeHead(status, status === 200 ? {} : headers()).end()
  })
  cleanups.push(() => server.close())
  served.port = server.port
  return served
}

const flowOf = (port: number, task: object) => ({
  tasks: [
    {
      id: "pay",
      task_name: "http",
      config: { url: `http://127.0.0.1:${port}/charge` },
      retry: { strategy: "auto", max_attempts: 5, interval: "100ms", backoff: 1 },
      timeout: { attempt: "20s" },
      ...task,
    },
  ],
})
const payOf = (view: View) => view.tasks.find(({ path }) => path === "pay")
const attemptsOf = (instanceId: string) =>
  rig.attempts
    .filter(({ transaction_id }) => transaction_id === instanceId)
    .map(({ attempt, class: found, outcome, code }) => ({ attempt, class: found, outcome, code }))

describe("an attempt and the one before it", () => {
  test("an unsafe call that found no server is made again, since its marker says that nothing ran", async () => {
    const port = await closedPort()
    const run = await rig.start(
      flowOf(port, {
        effect: "unsafe",
        retry: { strategy: "auto", max_attempts: 50, interval: "100ms", backoff: 1 },
      }),
    )
    await run.reaches(() => attemptsOf(run.instanceId).length >= 2)
    const server = await startOn(port)
    const view = await run.reaches(({ transaction }) => transaction.status === "success")
    expect(payOf(view)).toMatchObject({ status: "success", outcome: "executed" })
    expect(server.received).toHaveLength(1)
    const attempts = attemptsOf(run.instanceId)
    expect(
      attempts
        .slice(0, -1)
        .every(({ outcome, code }) => outcome === "not_executed" && code === "ECONNREFUSED"),
    ).toBe(true)
  })

  test("an unsafe call whose outcome is unknown is never made again", async () => {
    const served = await serve([503])
    const run = await rig.start(flowOf(served.port, { effect: "unsafe" }))
    const view = await run.reaches(({ transaction }) => transaction.status === "blocked")
    expect(payOf(view)).toMatchObject({
      status: "parked",
      outcome: "unknown",
      error: { code: "HTTP_503", class: "unknown" },
    })
    expect(served.keys).toHaveLength(1)
  })

  test("Retry-After: 0 does not end the retries", async () => {
    const served = await serve([503, 200], () => ({ "retry-after": "0" }))
    const run = await rig.start(flowOf(served.port, { effect: "keyed" }))
    await run.reaches(
      ({ transaction }) => transaction.status === "success" || transaction.status === "blocked",
    )
    expect(served.keys).toHaveLength(2)
  })

  test("a code that the author listed ends the retries, also where the target asked for one", async () => {
    const served = await serve([500, 503, 200], () => ({ "retry-after": "1" }))
    const retry = { strategy: "auto", interval: "100ms", max_attempts: 5, non_retryable: ["HTTP_503"] }
    const run = await rig.start(flowOf(served.port, { effect: "keyed", retry }))
    const view = await run.reaches(({ transaction }) => transaction.status === "blocked")
    expect(payOf(view)).toMatchObject({
      status: "parked",
      outcome: "unknown",
      error: { code: "HTTP_503", class: "unknown" },
    })
    expect(attemptsOf(run.instanceId).map(({ code }) => code)).toEqual(["HTTP_500", "HTTP_503"])
  })

  test("a refusal after an unknown leaves it unknown, and every attempt carries the same key", async () => {
    const served = await serve([503, 503, 402])
    const run = await rig.start(flowOf(served.port, { effect: "keyed" }))
    const view = await run.reaches(({ transaction }) => transaction.status === "blocked")
    expect(payOf(view)).toMatchObject({
      status: "parked",
      outcome: "unknown",
      error: { code: "HTTP_402", class: "refused" },
    })
    expect(served.keys).toHaveLength(3)
    expect(new Set(served.keys).size).toBe(1)
    expect(attemptsOf(run.instanceId)).toEqual([
      { attempt: 1, class: "unknown", outcome: "unknown", code: "HTTP_503" },
      { attempt: 2, class: "unknown", outcome: "unknown", code: "HTTP_503" },
      { attempt: 3, class: "refused", outcome: "unknown", code: "HTTP_402" },
    ])
  })

  test("22: an error that the target keeps for the key parks the third time it comes", async () => {
    const served = await serve([500, 500, 500, 200])
    const base_url = `http://127.0.0.1:${served.port}`
    connections.push({ name: "keeps", kind: "http", base_url, profile: "ietf-idempotency" })
    const config = { connection: "keeps", url: "/charge" }
    const run = await rig.start(flowOf(served.port, { effect: "keyed", config }))
    const view = await run.reaches(({ transaction }) => transaction.status === "blocked")
    expect(payOf(view)).toMatchObject({
      status: "parked",
      outcome: "unknown",
      error: { code: "replayed_error", class: "misconfigured" },
    })
    expect(served.keys).toHaveLength(3)
  })

  test("a refusal after a clean attempt is a rejection", async () => {
    const served = await serve([429, 402])
    const run = await rig.start(flowOf(served.port, { effect: "keyed" }))
    const view = await run.reaches(({ transaction }) => transaction.status === "blocked")
    expect(payOf(view)).toMatchObject({ outcome: "rejected", error: { code: "HTTP_402" } })
  })

  test("the same task on another path has another key", async () => {
    const served = await serve([200, 200])
    const flow = flowOf(served.port, { effect: "keyed" })
    await rig
      .start({ tasks: [...flow.tasks, { ...flow.tasks[0], id: "again" }] })
      .then((run) => run.handle.result())
    expect(new Set(served.keys).size).toBe(2)
  })
})

describe("time", () => {
  test("20: Retry-After is waited for, in seconds and as a date", async () => {
    const inSeconds = await serve([503, 200], () => ({ "retry-after": "7" }))
    let date = Infinity
    const asDate = await serve([503, 200], () => {
      // It holds whole seconds.
      date = Math.ceil(Date.now() / 1_000) * 1_000 + 7_000
      return { "retry-after": new Date(date).toUTCString() }
    })
    for (const { port } of [inSeconds, asDate]) {
      const run = await rig.start(flowOf(port, { effect: "keyed" }))
      await run.handle.result()
    }
    const [first, second] = inSeconds.times
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(7_000)
    expect(asDate.times[1]).toBeGreaterThanOrEqual(date)
  })

  test("a call that hangs ends before Temporal's own timeout, with our word for it", async () => {
    const served = await serve([])
    const run = await rig.start(flowOf(served.port, { effect: "unsafe", timeout: { attempt: "5s" } }))
    const view = await run.reaches(({ transaction }) => transaction.status === "blocked")
    expect(payOf(view)).toMatchObject({ outcome: "unknown", error: { code: "attempt_timeout" } })
  })

  test("a cancel reaches a call that hangs", async () => {
    const served = await serve([])
    const run = await rig.start(flowOf(served.port, { effect: "keyed" }))
    await run.reaches(() => served.keys.length === 1)
    const asked = Date.now()
    await run.decide({ action: "cancel" })
    await run.reaches(() => attemptsOf(run.instanceId).length === 1)
    expect(attemptsOf(run.instanceId)).toMatchObject([{ code: "attempt_cancelled", outcome: "unknown" }])
    expect(Date.now() - asked).toBeLessThan(10_000)
  })
})

describe("a target that answers 202", () => {
  /** Takes the call, and is at work until it is told that it is done. Counts what it is sent, and how often it is asked. */
  async function startWorking() {
    const work = { port: 0, posts: 0, polls: 0, done: false, refused: false }
    const server = await startHttp(({ method }, response) => {
      if (method === "POST") {
        work.posts++
        return void response.writeHead(202, { location: "/jobs/7" }).end()
      }
      work.polls++
      if (work.refused) return void response.writeHead(422).end()
      return void response
        .writeHead(work.done ? 200 : 202, { "content-type": "application/json" })
        .end(JSON.stringify({ progress: work.polls }))
    })
    cleanups.push(() => server.close())
    work.port = server.port
    return work
  }
  const flowAt = (port: number, task: object = {}) => {
    const config = { url: `http://127.0.0.1:${port}/charge`, body: {}, poll: { interval: "100ms" } }
    return flowOf(port, { effect: "unsafe", config, ...task })
  }

  test("is asked on by the next attempt when one ends, also for an unsafe call, and sent nothing again", async () => {
    const work = await startWorking()
    const run = await rig.start(flowAt(work.port, { timeout: { attempt: "1s" } }))
    await run.reaches(() => attemptsOf(run.instanceId).length >= 2)
    work.done = true
    const view = await run.reaches(({ transaction }) => transaction.status === "success")
    expect(payOf(view)).toMatchObject({ status: "success", outcome: "executed" })
    expect(work.posts).toBe(1)
    const attempts = attemptsOf(run.instanceId)
    expect(attempts[0]).toMatchObject({ class: "unknown", outcome: "unknown" })
    expect(attempts.at(-1)).toMatchObject({ class: "done", outcome: "executed" })
  })

  test("a refusal that comes in a later attempt is a rejection", async () => {
    const work = await startWorking()
    const run = await rig.start(flowAt(work.port, { timeout: { attempt: "1s" } }))
    await run.reaches(() => attemptsOf(run.instanceId).length >= 1)
    work.refused = true
    const view = await run.reaches(({ transaction }) => transaction.status === "blocked")
    expect(payOf(view)).toMatchObject({ outcome: "rejected", error: { code: "HTTP_422", class: "refused" } })
    expect(work.posts).toBe(1)
  })

  test("a cancel ends the asking, and leaves open what the target does", async () => {
    const work = await startWorking()
    const run = await rig.start(flowAt(work.port))
    await run.reaches(() => work.polls >= 2)
    await run.decide({ action: "cancel" })
    await run.reaches(() => attemptsOf(run.instanceId).length === 1)
    expect(attemptsOf(run.instanceId)).toMatchObject([{ code: "attempt_cancelled", outcome: "unknown" }])
    expect(work.posts).toBe(1)
  })
})

async function startOn(port: number) {
  const server = await startHttp((_, response) => response.end(), port)
  cleanups.push(() => server.close())
  return server
}
