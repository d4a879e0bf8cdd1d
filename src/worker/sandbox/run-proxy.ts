/**
 * A run, as the worker sees it from outside of the thread: one message takes an activation there, and one brings back
 * what came of it, the sink calls included. The SDK's own proxy asks for those in a second one, and sends objects, of
 * which a copy costs more on each side than protobuf's bytes.
 */
import proto from "@temporalio/proto"
import {
  ThreadedVMWorkflowCreator,
  VMWorkflowThreadProxy,
} from "@temporalio/worker/lib/workflow/threaded-vm.js"
import type { ActivationCompletion } from "@temporalio/worker/lib/workflow/workflow-worker-thread/output.js"

type Activation = Parameters<VMWorkflowThreadProxy["activate"]>[0]
type SinkCalls = Awaited<ReturnType<VMWorkflowThreadProxy["getAndResetSinkCalls"]>>

/** What `thread.ts` answers an activation with. */
export interface Activated extends ActivationCompletion {
  completion: Uint8Array<ArrayBuffer>
  /** Without the functions of their `workflowInfo`, which do not travel. */
  calls: SinkCalls
}

const { WorkflowActivation } = proto.coresdk.workflow_activation
const { WorkflowActivationCompletion } = proto.coresdk.workflow_completion

class RunProxy extends VMWorkflowThreadProxy {
  /** Of the last activation; undefined where it threw, and where they were taken. */
  #calls: SinkCalls | undefined

  override async activate(activation: Activation) {
    // Its own, since it is given away with the message.
    const bytes = new Uint8Array(WorkflowActivation.encode(activation).finish())
    const input = { type: "activate-workflow", runId: this.runId, activation: bytes } as const
    // `thread.ts` answers every activation so.
    const { completion, calls } = (await this.workerThreadClient.send(input)) as Activated
    this.#calls = calls
    return WorkflowActivationCompletion.decode(completion)
  }

  override async getAndResetSinkCalls(): Promise<SinkCalls> {
    const calls = this.#calls ?? (await super.getAndResetSinkCalls())
    this.#calls = undefined
    return calls
  }
}

export class RunProxyCreator extends ThreadedVMWorkflowCreator {
  override createWorkflow(
    options: Parameters<ThreadedVMWorkflowCreator["createWorkflow"]>[0],
  ): ReturnType<ThreadedVMWorkflowCreator["createWorkflow"]> {
    const [thread] = this.workerThreadClients
    if (thread === undefined) throw new Error("the sandbox has no thread")
    return RunProxy.create(thread, options)
  }
}
