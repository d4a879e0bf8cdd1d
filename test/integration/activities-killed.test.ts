/** A process that is killed with SIGKILL while its target, which took an unsafe call, is at work on it. */
import { Client, Connection } from "@temporalio/client"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startHttp } from "../../src/activities/calls.testsuite.ts"
import { toWorkflowId } from "../../src/contract/names.ts"
import { createClient } from "../../src/sdk/client.ts"
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts"
import { createNode, type HoldfastNode } from "../helpers/holdfast-node.ts"
import { testTemporal, type TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

const target = { posts: 0, polls: 0, done: false }
const FLOW = {
  name: "long_work",
  tasks: [
    {
      id: "pay",
      task_name: "http",
      effect: "unsafe",
      timeout: { attempt: "60s", heartbeat: "4s" },
      retry: { strategy: "auto", max_attempts: 5, interval: "100ms" },
      config: { connection: "shop", url: "/charge", body: {}, poll: { interval: "200ms" } },
    },
  ],
}

let database: TestDatabase
let temporal: TestTemporal
let server: Awaited<ReturnType<typeof startHttp>>
let node: HoldfastNode
let connection: Connection

beforeAll(async () => {
  ;[database, temporal, server] = await Promise.all([
    createTestDatabase(),
    testTemporal(),
    startHttp(({ method }, response) => {
      target[method === "POST" ? "posts" : "polls"]++
      if (method === "POST") response.writeHead(202, { location: "/jobs/7" }).end()
      else response.writeHead(target.done ? 200 : 202).end()
    }),
  ])
  connection = await Connection.connect({ address: temporal.address })
  node = await createNode({
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    namespace: temporal.namespace,
    connections: [{ name: "shop", kind: "http", base_url: `http://127.0.0.1:${server.port}` }],
  })
  await node.start()
})
afterAll(async () => {
  await node?.stop()
  await connection?.close()
  await server?.close()
  await database?.drop()
})

test("is asked on by the next process, and is sent nothing again", async () => {
  const api = createClient({ baseUrl: node.url })
  await api.publishFlow(FLOW)
  await api.startTransaction({ instance_id: "one", flow_id: "long_work", params: {} })
  const workflows = new Client({ connection, namespace: temporal.namespace }).workflow
  const pending = async () => {
    const { raw } = await workflows.getHandle(toWorkflowId("default", "one")).describe()
    return raw.pendingActivities?.[0]
  }
  // Temporal has heard where the target can be asked.
  const isHeard = (details: unknown) => JSON.stringify(details ?? null).length > 2
  await until(
    async () => isHeard((await pending())?.heartbeatDetails?.payloads),
    (heard) => heard && target.polls > 1,
  )
  await node.kill()
  const before = target.polls
  await node.start()
  await until(pending, (activity) => (activity?.attempt ?? 1) > 1 && target.polls > before)
  target.done = true
  const ended = await until(
    () => api.getTransaction("one"),
    ({ status }) => status === "success" || status === "blocked",
  )
  expect(ended.status).toBe("success")
  expect(target.posts).toBe(1)
})
