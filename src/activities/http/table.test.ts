/**
 * The table of the transactions reference, 6.2, row by row, with statuses that a real server answers: what is made of
 * each under every profile, and what is known afterwards. Rows whose signal is no status are in `sockets.test.ts` and,
 * where no server of ours can cause them (a name that is not found, a host that is not reached, certificates), in
 * `connector.test.ts`, `outbound/transport-error.test.ts` and `outbound/tls.test.ts`.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type Profile, PROFILES } from "../../contract/connections.ts"
import type { Outcome } from "../../contract/statuses.ts"
import { brief, connectionsOf, createCall, localGuard, secretsOf, startHttp } from "../calls.testsuite.ts"
import { foldOutcome } from "../fold-outcome.ts"
import { createHttpClient, type HttpClient } from "../outbound/http-client.ts"
import { createHttpConnector } from "./connector.ts"

type Reading = [found: string, outcome: Outcome]

interface Row {
  row: string
  statuses: number[]
  headers?: Record<string, string>
  body?: string
  reading: Reading | Record<Profile, Reading>
}

const unknown: Reading = ["unknown", "unknown"]
const ongoing: Reading = ["ongoing", "unknown"]
const refused: Reading = ["refused", "rejected"]
const notExecuted: Reading = ["not_executed", "not_executed"]
const mistake: Reading = ["misconfigured", "not_executed"]

const PROBLEM = '{"type":"https://x.test/idempotency","title":"Idempotency-Key is already used"}'

const TABLE: Row[] = [
  { row: "a success", statuses: [200, 201, 202, 204, 206], reading: ["done", "executed"] },
  { row: "a redirect", statuses: [301, 302, 307, 308], reading: ["misconfigured", "unknown"] },
  { row: "303, probably executed", statuses: [303], reading: unknown },
  {
    row: "a mistake",
    statuses: [400, 404, 405, 406, 410, 411, 413, 414, 415, 431, 451, 501, 505],
    reading: mistake,
  },
  { row: "credentials", statuses: [401, 403, 407, 511], reading: mistake },
  { row: "a refusal", statuses: [402, 412, 422, 428], reading: refused },
  {
    row: "422 of the draft: the key was used for another request",
    statuses: [422],
    headers: { "content-type": "application/problem+json" },
    body: PROBLEM,
    reading: ["misconfigured", "unknown"],
  },
  { row: "408", statuses: [408], reading: unknown },
  {
    row: "409",
    statuses: [409],
    reading: { "ietf-idempotency": ongoing, dtm: refused, plain: refused },
  },
  { row: "not run, ask again", statuses: [421, 423, 424, 429], reading: notExecuted },
  {
    row: "425",
    statuses: [425],
    reading: { "ietf-idempotency": notExecuted, dtm: ongoing, plain: notExecuted },
  },
  { row: "500", statuses: [500], reading: unknown },
  {
    row: "a gateway's word",
    statuses: [502, 504, 520, 521, 522, 523, 524, 525, 526, 527],
    reading: unknown,
  },
  // No profile says that its targets answer 503 before they begin: a gateway says it of a target that has.
  { row: "503", statuses: [503], reading: unknown },
  { row: "anything else", statuses: [300, 304, 305, 416, 418, 426, 506, 508, 599], reading: unknown },
]

let row: Row
let status = 200
let server: Awaited<ReturnType<typeof startHttp>>
let client: HttpClient

beforeAll(async () => {
  server = await startHttp((_, response) => response.writeHead(status, row.headers).end(row.body))
  client = createHttpClient(localGuard)
})
beforeEach(() => void server.received.splice(0))
afterAll(async () => {
  await client.close()
  await server.close()
})

function call(profile: Profile, before: Outcome) {
  const base_url = `http://127.0.0.1:${server.port}`
  const connections = connectionsOf({ name: "shop", kind: "http", base_url, profile })
  const connector = createHttpConnector({ connections, secrets: secretsOf(), guard: localGuard, client })
  return connector.call(createCall({ config: { connection: "shop", url: "/x" }, before }))
}

describe.each(PROFILES)("%s", (profile) => {
  const cases = TABLE.flatMap((one) => one.statuses.map((code) => ({ ...one, status: code })))

  test.each(cases)("15: $row: $status", async ({ status: wanted, ...one }) => {
    row = one
    status = wanted
    const [found, outcome] = Array.isArray(one.reading) ? one.reading : one.reading[profile]
    const verdict = await call(profile, "not_started")
    expect(verdict.class).toBe(found)
    expect(foldOutcome("not_started", verdict)).toBe(outcome)
    if (verdict.class !== "done") expect(verdict.code).toMatch(/^HTTP_\d{3}$|^key_reused$/)
    expect(server.received).toHaveLength(1)
  })

  test.each(cases)(
    "15: $row: $status after an unknown outcome proves no refusal",
    async ({ status: wanted, ...one }) => {
      row = one
      status = wanted
      const verdict = await call(profile, "unknown")
      expect(foldOutcome("unknown", verdict)).toBe(verdict.class === "done" ? "executed" : "unknown")
      expect(server.received).toHaveLength(1)
    },
  )
})

test("plain: 409 after an unknown outcome may be the conflict with our own first call", async () => {
  row = { row: "409", statuses: [409], reading: unknown }
  status = 409
  expect(brief(await call("plain", "unknown"))).toEqual({ class: "unknown", code: "HTTP_409" })
})

describe("Retry-After", () => {
  const asked = async (value: string, wanted = 503) => {
    row = { row: "away", statuses: [wanted], headers: { "retry-after": value }, reading: unknown }
    status = wanted
    const verdict = await call("plain", "not_started")
    return verdict.class === "done" ? undefined : verdict.retryAfterMs
  }

  test.each([503, 429, 425, 500])("is read in seconds with %d", async (wanted) => {
    expect(await asked("7", wanted)).toBe(7_000)
  })

  test("is read as a date, and one that has passed is none to wait for", async () => {
    const wait = await asked(new Date(Date.now() + 3_600_000).toUTCString())
    expect(wait).toBeGreaterThan(3_500_000)
    expect(wait).toBeLessThanOrEqual(3_600_000)
    expect(await asked("Sun, 06 Nov 1994 08:49:37 GMT")).toBe(0)
  })

  test.each(["-5", "soon", "1.5", "7s"])("%j says nothing", async (value) => {
    expect(await asked(value)).toBeUndefined()
  })
})
