import type { Client } from "@temporalio/client"
import type { NativeConnection } from "@temporalio/worker"
import type { Activities } from "../src/activities/index.ts"
import type { Connection } from "../src/contract/connections.ts"
import { DEFAULT_TENANT } from "../src/contract/messages.ts"
import { toWorkflowId } from "../src/contract/names.ts"
import { packPlan, planHash } from "../src/flow/plan-bytes.ts"
import { validateFlow } from "../src/flow/validate.ts"
import { toTravelling } from "../src/store/dispatch/plan-cache.ts"
import { toStartArguments, toStartOptions } from "../src/store/dispatch/start-options.ts"
import { SandboxWorker } from "../src/worker/sandbox/sandbox-worker.ts"
import { runWorker } from "./worker.ts"

interface Options {
  connection: NativeConnection
  client: Client
  flow: { name: string }
  connections: readonly Connection[]
  connectors: Pick<Activities, "activities" | "close">
}

export interface Engine {
  start: (instanceId: string, params?: Record<string, unknown>) => Promise<void>
  stop: () => Promise<void>
}

/** Starts as the dispatcher does, without the rows it reads and writes. `stop` closes the connectors too. */
export async function startEngine(options: Options): Promise<Engine> {
  const { connection, client, flow, connections, connectors } = options
  const { plan, problems } = validateFlow(flow, { connections })
  if (!plan) throw new Error(`${flow.name} is no valid flow: ${JSON.stringify(problems)}`)
  const travelling = toTravelling(packPlan(plan))
  const stopWorker = await runWorker(SandboxWorker, { connection, activities: connectors.activities })
  const common = {
    tenant: DEFAULT_TENANT,
    flow_id: "1",
    flow_name: plan.flow,
    flow_version: 1,
    plan_hash: planHash(plan),
    request_hash: "",
    business_key: null,
  }
  return {
    async start(instanceId, params = {}) {
      const start = {
        ...common,
        params,
        instance_id: instanceId,
        workflow_id: toWorkflowId(DEFAULT_TENANT, instanceId),
      }
      await client.workflow.start(plan.flow, {
        ...toStartOptions(start, { searchAttributes: true }),
        args: toStartArguments(start, travelling),
        requestEagerStart: true,
      })
    },
    async stop() {
      await stopWorker()
      await connectors.close()
    },
  }
}
