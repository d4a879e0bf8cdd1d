import type { Client } from "@temporalio/client"
import type { NativeConnection } from "@temporalio/worker"
import { DEFAULT_TENANT } from "../src/contract/messages.ts"
import { toWorkflowId } from "../src/contract/names.ts"
import { packPlan, planHash } from "../src/flow/plan-bytes.ts"
import { validateFlow } from "../src/flow/validate.ts"
import { toTravelling } from "../src/store/dispatch/plan-cache.ts"
import { toStartArguments, toStartOptions } from "../src/store/dispatch/start-options.ts"
import { SandboxWorker } from "../src/worker/sandbox/sandbox-worker.ts"
import type { Starter } from "./caller.ts"
import { createConnectors, runWorker } from "./worker.ts"
import { toConnections, toFlow, type Workload } from "./workloads.ts"

interface Options {
  connection: NativeConnection
  client: Client
  workload: Workload
  targetUrl: string
}

/** Starts as the dispatcher does, without the rows it reads and writes. */
export async function startEngine({ connection, client, workload, targetUrl }: Options): Promise<Starter> {
  const { plan, problems } = validateFlow(toFlow(workload), { connections: toConnections(targetUrl) })
  if (!plan) throw new Error(`${workload.name} is no valid flow: ${JSON.stringify(problems)}`)
  const travelling = toTravelling(packPlan(plan))
  const connectors = createConnectors(targetUrl)
  const stopWorker = await runWorker(SandboxWorker, { connection, activities: connectors.activities })
  const common = {
    tenant: DEFAULT_TENANT,
    flow_id: "1",
    flow_name: plan.flow,
    flow_version: 1,
    plan_hash: planHash(plan),
    params: {},
    request_hash: "",
    business_key: null,
  }
  return {
    async start(instanceId) {
      const start = {
        ...common,
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
