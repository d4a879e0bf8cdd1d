import { once } from "node:events"
import { createServer } from "node:net"
import { asyncLocalStorage, type Context } from "@temporalio/activity"
import { Aedes } from "aedes"
import { expect, test } from "vitest"
import type { CallInput } from "../contract/activities.ts"
import type { AttemptRow } from "../contract/rows.ts"
import { TASK_KINDS, type TaskKind } from "../contract/statuses.ts"
import type { AttemptContext } from "./attempt.ts"
import { closedPort, connectionsOf, localGuard, startHttp, until } from "./calls.testsuite.ts"
import { createActivities } from "./index.ts"
import { startGrpc } from "./rpc/grpc-server.testsuite.ts"
import { NO_OUTPUTS } from "../../test/helpers/no-outputs.ts"

/** What an activity sees of Temporal. */
function inActivity<T>(task: string, work: () => Promise<T>): Promise<T> {
  const context: AttemptContext = {
    info: {
      workflowExecution: { workflowId: "acme/order-1", runId: "run-1" },
      activityId: task,
      attempt: 1,
      scheduledTimestampMs: 1,
      currentAttemptScheduledTimestampMs: 1,
      heartbeatDetails: undefined,
      startToCloseTimeoutMs: 5_000,
    },
    cancellationSignal: new AbortController().signal,
    heartbeat: () => {},
  }
  // The part of the context that an activity of ours uses.
  return asyncLocalStorage.run(context as Context, work)
}

test("createActivities() serves every kind, and close() leaves no socket", async () => {
  const http = await startHttp((_, response) => response.end())
  const grpc = await startGrpc({ handler: (_, reply) => reply(null, { payment_id: "p1" }) })
  const aedes = await Aedes.createBroker()
  const broker = createServer(aedes.handle)
  broker.listen(0, "127.0.0.1")
  await once(broker, "listening")
  const address = broker.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  const at = { host: "127.0.0.1" }
  const rows: AttemptRow[] = []
  const connections = connectionsOf(
    { name: "shipping", kind: "http", base_url: `http://127.0.0.1:${http.port}` },
    { name: "payment", kind: "grpc", ...at, port: grpc.port },
    { name: "events", kind: "mqtt", protocol: "3.1.1", ...at, port: address.port },
    { name: "inventory", kind: "postgres", ...at, port: await closedPort(), database: "d", user: "u" },
  )
  const { activities, close } = createActivities({
    targets: () => ({ connections, secrets: () => undefined, refresh: () => Promise.resolve() }),
    guard: localGuard,
    outputs: NO_OUTPUTS,
    recordAttempt: (row) => void rows.push(row),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  const configs: Record<TaskKind, CallInput["config"]> = {
    http: { connection: "shipping", url: "/parcels" },
    rpc: { service: "payment", method: "shop.Payment/Charge" },
    mq: { connection: "events", topic: "paid" },
    db: { connection: "inventory", sql: "select 1" },
  }
  const ends = await Promise.allSettled(
    TASK_KINDS.map((kind) =>
      inActivity(kind, () => activities[kind]({ config: configs[kind], effect: "keyed" })),
    ),
  )
  expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"])
  expect(ends[3]).toMatchObject({ reason: { type: "ECONNREFUSED", details: [{ outcome: "not_executed" }] } })
  expect(rows.map(({ task, class: found }) => `${task} ${found}`).toSorted()).toEqual([
    "db not_executed",
    "http done",
    "mq done",
    "rpc done",
  ])
  await close()
  // Both ends are in this process: an open one shows, while the servers still listen.
  const sockets = () => process.getActiveResourcesInfo().filter((one) => one === "TCPSocketWrap").length
  await until(() => sockets() === 0)
  await http.close()
  grpc.stop()
  await new Promise<void>((resolve) => aedes.close(resolve))
  broker.close()
})
