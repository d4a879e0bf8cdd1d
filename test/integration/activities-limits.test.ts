/** A connection's limits, at a server that counts what is open. */
import { afterAll, beforeAll, expect, test } from "vitest"
import { startHttp } from "../../src/activities/calls.testsuite.ts"
import { until } from "../helpers/until.ts"
import { startWorkflowRig, type WorkflowRig } from "../helpers/workflow-rig.ts"

const CALLS = 50
const MAX_IN_FLIGHT = 3

let rig: WorkflowRig
let server: Awaited<ReturnType<typeof startHttp>>
/** Ends one request each, in the order in which they came. */
const open: (() => void)[] = []
let mostOpen = 0

beforeAll(async () => {
  server = await startHttp((_request, response) => {
    open.push(() => response.end())
    mostOpen = Math.max(mostOpen, open.length)
  })
  rig = await startWorkflowRig({
    connections: [
      {
        name: "shop",
        kind: "http",
        base_url: `http://127.0.0.1:${server.port}`,
        limits: { max_in_flight: MAX_IN_FLIGHT },
      },
    ],
  })
})
afterAll(async () => {
  await rig.stop()
  await server.close()
})

async function countStarted(run: { handle: { describe(): Promise<{ raw: unknown }> } }): Promise<number> {
  const { raw } = await run.handle.describe()
  // The answer of Temporal's DescribeWorkflowExecution.
  const { pendingActivities = [] } = raw as { pendingActivities?: { state?: number | string | null }[] }
  return pendingActivities.filter(({ state }) => state === 2 || state === "PENDING_ACTIVITY_STATE_STARTED")
    .length
}

test("50 calls at once with max_in_flight 3 are never more than 3 at the server, and all are made", async () => {
  const run = await rig.start({
    tasks: Array.from({ length: CALLS }, (_none, n) => ({
      id: `t${n}`,
      task_name: "http",
      config: { connection: "shop", url: "/charge" },
      timeout: { attempt: "60s" },
    })),
  })
  // All attempts run in this process; those beyond the limit wait.
  await until(
    () => countStarted(run),
    (count) => count === CALLS,
  )
  await until(
    () => Promise.resolve(open.length),
    (count) => count === MAX_IN_FLIGHT,
  )
  for (let ended = 0; ended < CALLS; ended++) {
    await until(
      () => Promise.resolve(server.received.length),
      (count) => count >= Math.min(ended + MAX_IN_FLIGHT, CALLS),
      { everyMs: 2 },
    )
    open.shift()?.()
  }
  await run.reaches(({ transaction }) => transaction.status === "success")
  expect(server.received).toHaveLength(CALLS)
  expect(mostOpen).toBe(MAX_IN_FLIGHT)
  expect(rig.attempts.map(({ class: found, attempt }) => `${found} ${attempt}`)).toEqual(
    Array(CALLS).fill("done 1"),
  )
})
