import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { AttemptMemo, PollMemo } from "../../contract/activities.ts"
import type { HttpConnection } from "../../contract/connections.ts"
import type { PlanPoll } from "../../contract/plan.ts"
import { parseTemplate } from "../../flow/parse-template.ts"
import { AttemptAborted, type CallRequest } from "../call.ts"
import {
  brief,
  connectionsOf,
  createCall,
  localGuard,
  type Received,
  secretsOf,
  startHttp,
  until,
} from "../calls.testsuite.ts"
import { createHttpClient, type HttpClient } from "../outbound/http-client.ts"
import { createHttpConnector } from "./connector.ts"

interface Answer {
  status?: number
  headers?: Record<string, string>
  json?: unknown
  text?: string
  /** The connection is cut instead. */
  cut?: boolean
  /** Nothing comes. */
  hangs?: boolean
}

/** What the target answers, one after another; the last for all that follow. */
let answers: Answer[] = []
let server: Awaited<ReturnType<typeof startHttp>>
let client: HttpClient

beforeAll(async () => {
  server = await startHttp((_, response, socket) => {
    const {
      status = 200,
      headers = {},
      json,
      text,
      cut,
      hangs,
    } = (answers.length > 1 ? answers.shift() : answers[0]) ?? {}
    if (cut === true) return void socket.destroy()
    if (hangs === true) return
    const type = json === undefined ? {} : { "content-type": "application/json" }
    response.writeHead(status, { ...type, ...headers }).end(json === undefined ? text : JSON.stringify(json))
  })
  client = createHttpClient(localGuard)
})
afterEach(() => void server.received.splice(0))
afterAll(async () => {
  await client.close()
  await server.close()
})

const accepted = (headers: Record<string, string> = { location: "/jobs/7" }): Answer => ({
  status: 202,
  headers,
})
const working: Answer = { status: 202 }
const shipped: Answer = { json: { state: "shipped" } }
const WHOLE = { class: "done", output: { state: "shipped" } }

interface CallParts extends Partial<CallRequest> {
  connection?: Partial<HttpConnection>
  config?: Record<string, unknown>
}

/** Expressions are written as in a flow. */
type PollWords = Omit<Partial<PlanPoll>, "url" | "done_when" | "fail_when"> &
  Partial<Record<"url" | "done_when" | "fail_when", string>>

function call(words: PollWords = {}, { connection = {}, config = {}, ...parts }: CallParts = {}) {
  const { url, done_when, fail_when, ...rest } = words
  const poll: PlanPoll = { interval_ms: 1, ...rest }
  if (url !== undefined) poll.url = parseTemplate(url)
  if (done_when !== undefined) poll.done_when = parseTemplate(done_when)
  if (fail_when !== undefined) poll.fail_when = parseTemplate(fail_when)
  const base_url = `http://127.0.0.1:${server.port}/v1`
  const connector = createHttpConnector({
    connections: connectionsOf({ name: "shop", kind: "http", base_url, ...connection }),
    secrets: secretsOf({ token: "t0ken" }),
    guard: localGuard,
    client,
  })
  return connector.call(
    createCall({
      config: { connection: "shop", url: "/parcels", body: { a: 1 }, ...config },
      poll,
      ...parts,
    }),
  )
}

const asked = () => server.received.map(({ method, url }: Received) => `${method} ${url}`)
const sentOnce = () => expect(asked().filter((one) => one.startsWith("POST"))).toHaveLength(1)

describe("a target that answers 202", () => {
  test("is asked where its Location says until it is done", async () => {
    answers = [accepted(), working, working, shipped]
    const verdict = await call({}, { connection: { headers: { authorization: { secret: "token" } } } })
    expect(verdict).toMatchObject(WHOLE)
    expect(asked()).toEqual(["POST /v1/parcels", "GET /jobs/7", "GET /jobs/7", "GET /jobs/7"])
    const [post, get] = server.received
    expect(get).toMatchObject({ body: "", headers: { authorization: "t0ken", "x-holdfast-task": "pay" } })
    // A target that keeps its replies by key would answer the 202 for ever.
    expect(get?.headers["idempotency-key"]).toBeUndefined()
    expect(post?.headers["idempotency-key"]).toBeDefined()
    expect(verdict.evidence).toMatchObject({
      request: { method: "POST", body: '{"a":1}' },
      response: {
        accepted: { status: 202, headers: { location: "/jobs/7" } },
        polls: 3,
        last: { status: 200 },
      },
    })
  })

  test("is not asked when it is done at once, or when the author reads 202 as a refusal", async () => {
    answers = [shipped]
    expect(await call()).toMatchObject(WHOLE)
    answers = [accepted()]
    expect(brief(await call({}, { config: { reject: [202] } }))).toEqual({
      class: "refused",
      code: "HTTP_202",
    })
    expect(asked()).toEqual(["POST /v1/parcels", "POST /v1/parcels"])
  })

  test.each<[string, () => PollWords, () => Answer, string]>([
    ["relative", () => ({}), () => accepted({ location: "jobs/7" }), "/v1/jobs/7"],
    [
      "a whole one",
      () => ({}),
      () => accepted({ location: `http://127.0.0.1:${server.port}/j?n=7` }),
      "/j?n=7",
    ],
    ["with a fragment", () => ({}), () => accepted({ location: "/jobs/7#top" }), "/jobs/7"],
    [
      "a path of the author's, below the connection",
      () => ({ url: "/jobs/${ output.id }", url_is: "path" as const }),
      () => ({ status: 202, json: { id: 7 } }),
      "/v1/jobs/7",
    ],
    [
      "an address in the body",
      () => ({ url: "${ output.href }", url_is: "reference" as const }),
      () => ({ status: 202, json: { href: "/elsewhere/7" } }),
      "/elsewhere/7",
    ],
    [
      "of the input",
      () => ({ url: "/orders/${ input.order }", url_is: "path" as const }),
      () => working,
      "/v1/orders/o1",
    ],
  ])("the address is %s", async (_name, words, first, path) => {
    answers = [first(), shipped]
    expect(await call(words(), { input: { order: "o1" } })).toMatchObject(WHOLE)
    expect(asked()[1]).toBe(`GET ${path}`)
  })

  test.each<[string, PollWords, Answer | (() => Answer), string]>([
    ["no Location", {}, accepted({}), "poll_url_missing"],
    ["another host", {}, accepted({ location: "http://localhost/jobs/7" }), "poll_address_blocked"],
    [
      "another host without a scheme",
      {},
      accepted({ location: "//evil.test/jobs/7" }),
      "poll_address_blocked",
    ],
    ["the same in backslashes", {}, accepted({ location: "\\\\evil.test\\jobs" }), "poll_address_blocked"],
    ["another scheme", {}, accepted({ location: "file:///etc/passwd" }), "poll_address_blocked"],
    [
      "the same origin inside another scheme",
      {},
      // The server is there when the test runs, not when this list is made.
      () => accepted({ location: `blob:http://127.0.0.1:${server.port}/jobs/7` }),
      "poll_address_blocked",
    ],
    ["no address", {}, accepted({ location: "http://" }), "poll_url_invalid"],
    [
      "a body without it",
      { url: "${ output.href }", url_is: "reference" },
      { status: 202, json: {} },
      "expression_error",
    ],
    [
      "a body with something else",
      { url: "${ output.href }", url_is: "reference" },
      { status: 202, json: { href: 7 } },
      "poll_url_invalid",
    ],
    [
      "a path that leaves the connection's",
      { url: "/${ output.id }", url_is: "path" },
      { status: 202, json: { id: "../../admin" } },
      "url_invalid",
    ],
  ])("%s is a mistake, and the target has the call", async (_name, words, first, code) => {
    answers = [typeof first === "function" ? first() : first]
    expect(await call(words)).toMatchObject({ class: "misconfigured", code, left: "unknown" })
    expect(asked()).toHaveLength(1)
  })

  test("a port of the same host is another origin", async () => {
    answers = [accepted({ location: `http://127.0.0.1:${server.port + 1}/jobs/7` })]
    expect(brief(await call())).toEqual({ class: "misconfigured", code: "poll_address_blocked" })
  })

  test("what is wrong with an address is said", async () => {
    const at = `127.0.0.1:${server.port}`
    answers = [
      accepted({ location: `http://ann:pw@${at}/jobs/7` }),
      accepted({ location: "file:///etc/passwd" }),
    ]
    expect(await call()).toHaveProperty("message", expect.stringMatching(/a user and a password in it/))
    expect(await call()).toHaveProperty("message", expect.stringMatching(`file:///etc, but .* http://${at}`))
    // As it came, so that a secret in it is found when the message is masked.
    answers = [accepted({ location: "//KEY-Abc.test/jobs" })]
    expect(await call()).toHaveProperty("message", expect.stringContaining("//KEY-Abc.test,"))
  })
})

describe("an answer to a poll", () => {
  test.each<[string, Answer]>([
    ["500", { status: 500 }],
    ["502", { status: 502 }],
    ["503", { status: 503 }],
    ["429", { status: 429 }],
    ["408", { status: 408 }],
    ["409", { status: 409 }],
    ["a cut", { cut: true }],
    ["a success whose JSON is broken", { headers: { "content-type": "application/json" }, text: '{"a":' }],
  ])("%s is asked again", async (_name, answer) => {
    for (const profile of ["plain", "dtm", "ietf-idempotency"] as const) {
      server.received.length = 0
      answers = [accepted(), answer, answer, answer, answer, shipped]
      expect(await call({}, { connection: { profile } })).toMatchObject(WHOLE)
      expect(asked()).toHaveLength(6)
      sentOnce()
    }
  })

  test.each<[string, Answer, object]>([
    ["404", { status: 404 }, { class: "unknown", code: "HTTP_404" }],
    ["410", { status: 410 }, { class: "unknown", code: "HTTP_410" }],
    ["400", { status: 400 }, { class: "misconfigured", code: "HTTP_400", left: "unknown" }],
    ["401", { status: 401 }, { class: "misconfigured", code: "HTTP_401", left: "unknown" }],
    ["a redirect", { status: 302 }, { class: "misconfigured", code: "HTTP_302", left: "unknown" }],
    ["422", { status: 422 }, { class: "refused", code: "HTTP_422", barrier: true }],
    [
      "a success over the limit",
      { text: "x".repeat(6 * 1024 * 1024) },
      { class: "misconfigured", code: "response_too_large", left: "executed" },
    ],
  ])("%s ends it", async (_name, answer, expected) => {
    answers = [accepted(), working, answer]
    expect(await call()).toMatchObject(expected)
    expect(asked()).toHaveLength(3)
    sentOnce()
  })

  test("a status that the author reads as a refusal is one", async () => {
    answers = [accepted(), { status: 404 }]
    expect(brief(await call({}, { config: { reject: [404] } }))).toEqual({
      class: "refused",
      code: "HTTP_404",
    })
  })

  test("a 404 forgets the address: the next attempt sends again, under the same key", async () => {
    const remembered: AttemptMemo[] = []
    answers = [accepted(), { status: 404 }]
    await call({}, { remember: (memo) => void remembered.push(memo) })
    expect(remembered).toMatchObject([{ poll: { url: expect.stringContaining("/jobs/7") } }, {}])
    expect(remembered.at(-1)).not.toHaveProperty("poll")
  })

  describe("303", () => {
    const led = (location = "/results/7"): Answer => ({ status: 303, headers: { location } })

    test("leads to the result, which is not asked what only the work is", async () => {
      answers = [accepted(), led(), shipped]
      expect(await call({ done_when: "${ output.progress == 100 }" })).toMatchObject(WHOLE)
      expect(asked().slice(-2)).toEqual(["GET /jobs/7", "GET /results/7"])
    })

    test("is followed again while the result cannot be had", async () => {
      answers = [accepted(), led(), { status: 503 }, led(), { cut: true }, led(), shipped]
      expect(await call()).toMatchObject(WHOLE)
      sentOnce()
    })

    test.each([
      ["to another host", [led("http://localhost/")], "poll_address_blocked"],
      ["nowhere", [{ status: 303 }], "poll_url_invalid"],
      ["and on", [led(), led("/more")], "HTTP_303"],
    ])("%s is a mistake", async (_name, next, code) => {
      answers = [accepted(), ...next]
      expect(await call()).toMatchObject({ class: "misconfigured", code, left: "unknown" })
    })
  })

  test("done_when says when it is done, whatever the status; fail_when that it was refused", async () => {
    const words = {
      done_when: "${ output.state == 'shipped' && status == 200 }",
      fail_when: "${ output.state == 'lost' }",
    }
    answers = [accepted(), { json: { state: "packed" } }, { status: 202, json: { state: "packed" } }, shipped]
    expect(await call(words)).toMatchObject(WHOLE)
    expect(asked()).toHaveLength(4)
    answers = [
      accepted(),
      { status: 202, json: { state: "packed" } },
      { status: 202, json: { state: "lost" } },
    ]
    expect(await call(words)).toMatchObject({ class: "refused", code: "fail_when", barrier: true })
  })

  test.each(["${ output.state == 7 / 0 }", "${ output.state }", "${ output.nothing.here }"])(
    "a condition that cannot be told is a mistake: %s",
    async (done_when) => {
      answers = [accepted(), shipped]
      expect(await call({ done_when })).toMatchObject({
        class: "misconfigured",
        code: "expression_error",
        left: "unknown",
      })
    },
  )

  test("a refusal proves nothing where an earlier call may have run", async () => {
    answers = [accepted(), { status: 422 }]
    expect(await call({}, { before: "unknown" })).toMatchObject({ class: "refused", barrier: false })
  })
})

describe("time", () => {
  const memo: PollMemo = { url: "", since: 0, only: true }
  const memoAt = (more: Partial<PollMemo> = {}) => ({
    poll: { ...memo, url: `http://127.0.0.1:${server.port}/jobs/7`, since: Date.now(), ...more },
  })

  test("Retry-After of the 202 and of a poll goes before the interval", async () => {
    const waits = { "retry-after": "0" }
    answers = [accepted({ location: "/jobs/7", ...waits }), { status: 503, headers: waits }, shipped]
    expect(await call({ interval_ms: 3_600_000 })).toMatchObject(WHOLE)
  })

  test("a wait that is longer than the attempt is the next attempt's", async () => {
    answers = [accepted({ location: "/jobs/7", "retry-after": "60" })]
    const remembered: AttemptMemo[] = []
    const verdict = await call({}, { remember: (one) => void remembered.push(one) })
    expect(verdict).toMatchObject({ class: "ongoing", code: "HTTP_202", retryAfterMs: 60_000, next: "poll" })
    expect(remembered).toMatchObject([{ poll: { url: expect.stringMatching(/\/jobs\/7$/), only: true } }])
    expect(asked()).toEqual(["POST /v1/parcels"])
  })

  test("the next attempt asks at once, and sends nothing", async () => {
    answers = [shipped]
    expect(await call({ interval_ms: 3_600_000 }, { memo: memoAt(), before: "unknown" })).toMatchObject(WHOLE)
    expect(asked()).toEqual(["GET /jobs/7"])
  })

  test("a target that the connection does not lead to any more is not told its credentials", async () => {
    const elsewhere = memoAt({ url: `http://localhost:${server.port}/jobs/7` })
    expect(await call({}, { memo: elsewhere, before: "unknown" })).toMatchObject({
      class: "misconfigured",
      code: "poll_address_blocked",
      left: "unknown",
    })
    expect(asked()).toEqual([])
  })

  test("a refusal in a later attempt is proof, as it would have been in the first", async () => {
    answers = [{ status: 422 }]
    expect(await call({}, { memo: memoAt(), before: "unknown" })).toMatchObject({
      class: "refused",
      barrier: true,
    })
    expect(await call({}, { memo: memoAt({ only: false }), before: "unknown" })).toMatchObject({
      barrier: false,
    })
  })

  test.each(["attempt_timeout", "attempt_cancelled"] as const)(
    "%s ends a wait and a poll, and leaves the next attempt to ask",
    async (code) => {
      for (const hanging of [working, { hangs: true }]) {
        server.received.length = 0
        answers = [accepted(), hanging]
        const controller = new AbortController()
        const wait = hanging === working ? 100_000 : 1
        const remembered: AttemptMemo[] = []
        const ended = call(
          { interval_ms: wait },
          { signal: controller.signal, budgetMs: 600_000, remember: (memo) => void remembered.push(memo) },
        )
        // The 202 was read, not only sent.
        await until(() => remembered.length > 0 && (hanging === working || asked().length === 2))
        controller.abort(new AttemptAborted(code, "stopped by the test"))
        expect(await ended).toMatchObject({ class: "ongoing", code, next: "poll" })
        sentOnce()
      }
    },
  )

  test("timeout counts from the 202, over all attempts, and ends them", async () => {
    answers = [working]
    const verdict = await call({ timeout_ms: 60_000 }, { memo: memoAt({ since: Date.now() - 60_001 }) })
    expect(verdict).toMatchObject({ class: "unknown", code: "poll_timeout", next: "none" })
    expect(asked()).toEqual(["GET /jobs/7"])
    // What is done by then is done.
    answers = [shipped]
    expect(await call({ timeout_ms: 1 }, { memo: memoAt({ since: 0 }) })).toMatchObject(WHOLE)
  })

  test("timeout is not waited beyond", async () => {
    answers = [accepted(), working]
    expect(brief(await call({ interval_ms: 3_600_000, timeout_ms: 20 }))).toEqual({
      class: "unknown",
      code: "poll_timeout",
    })
  })
})
