/** Carries out one workload's transactions, each from its start to its end. */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { type WorkflowHandle, WorkflowNotFoundError } from "@temporalio/client"
import { connectTemporal } from "../src/app/connect-temporal.ts"
import { DEFAULT_NAMESPACE } from "../src/app/servers.ts"
import { DEFAULT_TENANT } from "../src/contract/messages.ts"
import { toWorkflowId } from "../src/contract/names.ts"
import { startTransaction } from "./api-client.ts"
import { startApart, startByHand } from "./by-hand.ts"
import { startEngine } from "./engine.ts"
import type { SubjectSetup } from "./subject.ts"
import { quietTemporal } from "../test/helpers/quiet-temporal.ts"
import { createConnectors } from "./worker.ts"
import { toConnections, toFlow, WORKLOADS } from "./workloads.ts"

/** Starts a transaction and returns when it was taken. */
export interface Starter {
  start: (instanceId: string) => Promise<void>
  stop: () => Promise<void>
}

export interface Caller {
  /** @throws when it does not end with success. */
  once: () => Promise<WorkflowHandle>
  stop: () => Promise<void>
}

export async function openCaller(setup: SubjectSetup): Promise<Caller> {
  quietTemporal()
  const { connection, client } = await connectTemporal({
    connection: { address: setup.temporalAddress },
    namespace: DEFAULT_NAMESPACE,
  })
  const workload = WORKLOADS[setup.workload]
  const starter = await createStarter(setup, { connection, client })
  return {
    async once() {
      const instanceId = randomUUID()
      await starter.start(instanceId)
      const handle = client.workflow.getHandle(toWorkflowId(DEFAULT_TENANT, instanceId))
      if (workload.needsPerson) await decide(handle)
      assertSuccess(await whenStarted(() => handle.result()))
      return handle
    },
    async stop() {
      await starter.stop()
      await connection.close()
    },
  }
}

async function createStarter(
  setup: SubjectSetup,
  temporal: Awaited<ReturnType<typeof connectTemporal>>,
): Promise<Starter> {
  const workload = WORKLOADS[setup.workload]
  const connections = toConnections(setup.targetUrl)
  switch (setup.kind) {
    case "by_hand":
      return startByHand({ ...setup, ...temporal, workload })
    case "by_hand_apart":
      return startApart({ ...temporal, workload })
    case "engine":
      return startEngine({
        ...temporal,
        flow: toFlow(workload),
        connections,
        connectors: createConnectors(connections),
      })
    case "api": {
      const { apiUrl } = setup
      if (apiUrl === undefined) throw new Error("expected the API's address, got none")
      const start = (instance_id: string) =>
        startTransaction(apiUrl, { instance_id, flow_id: setup.workload.toLowerCase(), params: {} })
      return { start, stop: () => Promise.resolve() }
    }
  }
}

interface Answer {
  transaction: { status: string }
}

/** The API accepts a transaction for which Temporal has no time yet: then there is no workflow for a while. */
async function whenStarted<T>(ask: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await ask()
    } catch (thrown) {
      if (!(thrown instanceof WorkflowNotFoundError)) throw thrown
      await sleep(20)
    }
}

/** A person looks until it waits for somebody, then says `retry`. */
async function decide(handle: WorkflowHandle): Promise<void> {
  for (;;) {
    const { transaction } = await whenStarted(() => handle.query<Answer>("state"))
    if (transaction.status === "blocked") break
    await sleep(5)
  }
  await handle.signal("retry", { actor: "bench", reason: "it is repaired" })
}

/** Holdfast answers status and output, the workflow by hand the status alone. */
function assertSuccess(result: unknown): void {
  const { status } = { status: result, ...(typeof result === "object" ? result : {}) }
  if (status !== "success") throw new Error(`expected success, got ${JSON.stringify(result)}`)
}
