/** A secret that is replaced in the store while calls are made with it. */
import { randomBytes } from "node:crypto"
import { asyncLocalStorage, type Context } from "@temporalio/activity"
import pg from "pg"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import type { AttemptContext } from "../../src/activities/attempt.ts"
import { localGuard, startHttp } from "../../src/activities/calls.testsuite.ts"
import { createActivities, createTargets } from "../../src/activities/index.ts"
import type { AttemptRow } from "../../src/contract/rows.ts"
import { saveSecret } from "../../src/store/queries/save-secret.ts"
import { parseMasterKeys } from "../../src/store/secrets/master-keys.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { NO_OUTPUTS } from "../helpers/no-outputs.ts"

const keys = parseMasterKeys(randomBytes(32).toString("base64"))
let database: TestDatabase
let pool: pg.Pool
const cleanups: (() => unknown)[] = []

beforeAll(async () => {
  database = await createTestDatabase()
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  pool.on("error", () => {})
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

/** A target that wants the new token, and activities that call it with the stored one. */
async function start(beforeDenied: () => Promise<unknown>) {
  const server = await startHttp(({ headers }, response) => {
    if (headers.authorization === "new-token") response.end()
    // A store that fails leaves the call without an answer, and so fails the test.
    else void beforeDenied().then(() => response.writeHead(401).end())
  })
  const base_url = `http://127.0.0.1:${server.port}`
  const authorization = { secret: "token" }
  const rows: AttemptRow[] = []
  const logger = { info: () => {}, warn: () => {}, error: () => {} }
  const files = {
    connections: [{ name: "shop", kind: "http", base_url, headers: { authorization } } as const],
    secrets: {},
  }
  const { activities, close } = createActivities({
    targets: createTargets({ pool, masterKeys: keys, files, logger }).of,
    guard: localGuard,
    outputs: NO_OUTPUTS,
    recordAttempt: (row) => void rows.push(row),
    logger,
  })
  cleanups.push(() => server.close(), close)
  const call = (task: string) => {
    const context: AttemptContext = {
      info: {
        workflowExecution: { workflowId: "default/order-1", runId: "run-1" },
        activityId: task,
        attempt: 1,
        scheduledTimestampMs: 1,
        currentAttemptScheduledTimestampMs: 1,
        heartbeatDetails: undefined,
        startToCloseTimeoutMs: 10_000,
      },
      cancellationSignal: new AbortController().signal,
      heartbeat: () => {},
    }
    const config = { connection: "shop", url: "/charge" }
    // The part of the context that an activity of ours uses.
    return asyncLocalStorage.run(context as Context, () => activities.http({ config, effect: "keyed" }))
  }
  return { server, rows, call }
}

const store = (value: string) =>
  saveSecret(pool, keys, { tenant: "default", name: "token", value, actor: "test" })

test("a secret that is replaced while a call is on its way is read again after a 401, within the attempt", async () => {
  await store("old-token")
  const { server, rows, call } = await start(() => store("new-token"))
  await expect(call("pay")).resolves.toMatchObject({ output: null })
  expect(server.received.map(({ headers }) => headers.authorization)).toEqual(["old-token", "new-token"])
  expect(new Set(server.received.map(({ headers }) => headers["idempotency-key"])).size).toBe(1)
  expect(rows).toMatchObject([{ class: "done", outcome: "executed" }])
})

test("a 401 with the secret that is stored parks, and the target is asked once", async () => {
  await store("old-token")
  const { server, call } = await start(() => Promise.resolve())
  await expect(call("pay")).rejects.toMatchObject({ type: "HTTP_401", nonRetryable: true })
  expect(server.received).toHaveLength(1)
})
