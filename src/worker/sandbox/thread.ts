/**
 * The thread that transactions run in: the SDK's own, watched in another way (`watch-activations.ts`). An activation
 * is answered as `run-proxy.ts` wants it; every other message goes to the SDK.
 */
import { parentPort } from "node:worker_threads"
import proto from "@temporalio/proto"
import { ReusableVMWorkflowCreator } from "@temporalio/worker/lib/workflow/reusable-vm.js"
import type {
  ActivateWorkflow,
  WorkerThreadRequest,
} from "@temporalio/worker/lib/workflow/workflow-worker-thread/input.js"
import type { WorkerThreadResponse } from "@temporalio/worker/lib/workflow/workflow-worker-thread/output.js"
import type { Activated } from "./run-proxy.ts"
import "./watch-activations.ts"

const { WorkflowActivation } = proto.coresdk.workflow_activation
const { WorkflowActivationCompletion } = proto.coresdk.workflow_completion

if (parentPort === null) throw new Error("expected to be loaded in a thread")
const port = parentPort
type Listener = (request: WorkerThreadRequest) => void
const sdk: { listener?: Listener } = {}
// The SDK's module listens as soon as it is loaded.
Reflect.set(port, "on", (_event: string, listener: Listener) => {
  sdk.listener = listener
  return port
})
await import("@temporalio/worker/lib/workflow/workflow-worker-thread.js")
Reflect.deleteProperty(port, "on")
const { listener: handleBySdk } = sdk
if (handleBySdk === undefined) throw new Error("the SDK's thread does not listen where it is expected to")

port.on("message", (request: WorkerThreadRequest) => {
  const { requestId, input } = request
  if (input.type !== "activate-workflow" || !(input.activation instanceof Uint8Array)) {
    handleBySdk(request)
    return
  }
  const answer = (result: WorkerThreadResponse["result"], given: ArrayBuffer[] = []) =>
    port.postMessage({ requestId, result }, given)
  activateRun(input.runId, input.activation).then(
    (output) => answer({ type: "ok", output }, [output.completion.buffer]),
    (thrown: unknown) => {
      // By its looks: the sandbox has an `Error` of its own.
      const { name = "Error", message = String(thrown), stack = "" } = Object(thrown) as Partial<Error>
      answer({ type: "error", name, message, stack })
    },
  )
})

async function activateRun(runId: ActivateWorkflow["runId"], activation: Uint8Array): Promise<Activated> {
  const run = ReusableVMWorkflowCreator.workflowByRunId.get(runId)
  if (run === undefined) throw new Error(`the run ${runId} was activated, and is not here`)
  const completion = await run.activate(WorkflowActivation.decode(activation))
  return {
    type: "activation-completion",
    // Its own: the library's stands in a larger buffer, and all of that would travel.
    completion: new Uint8Array(WorkflowActivationCompletion.encode(completion).finish()),
    calls: toTravelling(await run.getAndResetSinkCalls()),
  }
}

type SinkCalls = Activated["calls"]

/** The calls of one activation mostly share their `workflowInfo`: a message holds it once. */
function toTravelling(calls: SinkCalls): SinkCalls {
  const infos = new Map<object, SinkCalls[number]["workflowInfo"]>()
  return calls.map((call) => {
    const known = infos.get(call.workflowInfo)
    if (known !== undefined) return { ...call, workflowInfo: known }
    const { now: _now, random: _random, ...unsafe } = call.workflowInfo.unsafe
    // As the SDK sends it: functions do not travel.
    const workflowInfo = { ...call.workflowInfo, unsafe } as typeof call.workflowInfo
    infos.set(call.workflowInfo, workflowInfo)
    return { ...call, workflowInfo }
  })
}
