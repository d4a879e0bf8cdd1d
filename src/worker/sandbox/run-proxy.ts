/**
 * A run, as the worker sees it from outside of the thread: one message takes an activation there, and one brings back
 * what came of it, the sink calls included. The SDK's own proxy asks for those in a second one, and sends objects, of
 * which a copy costs more on each side than protobuf's bytes.
 */
import proto from "@temporalio/proto"
import {
  ThreadedVMWorkflowCreator,
  VMWorkflowThreadProxy,
  type WorkerThreadClient,
} from "@temporalio/worker/lib/workflow/threaded-vm.js"
import type { ActivationCompletion } from "@temporalio/worker/lib/workflow/workflow-worker-thread/output.js"
import { TaskWatch } from "./task-watch.ts"

type Activation = Parameters<VMWorkflowThreadProxy["activate"]>[0]
type CreateOptions = Parameters<ThreadedVMWorkflowCreator["createWorkflow"]>[0]
type Completion = Awaited<ReturnType<VMWorkflowThreadProxy["activate"]>>
type SinkCalls = Awaited<ReturnType<VMWorkflowThreadProxy["getAndResetSinkCalls"]>>

/** What `thread.ts` answers an activation with. */
export interface Activated extends ActivationCompletion {
  completion: Uint8Array<ArrayBuffer>
  /** Without the functions of their `workflowInfo`, which do not travel. */
  calls: SinkCalls
}

const { WorkflowActivation } = proto.coresdk.workflow_activation
const { WorkflowActivationCompletion } = proto.coresdk.workflow_completion

/** Whether Temporal has closed a run. */
export type IsOver = (run: { workflowId: string; runId: string }) => Promise<boolean>

class RunProxy extends VMWorkflowThreadProxy {
  readonly #watch = new TaskWatch()
  /** Of the last activation; undefined where it threw, and where they were taken. */
  #calls: SinkCalls | undefined
  #isOver: () => Promise<boolean> = () => Promise.resolve(false)

  static async open(
    thread: WorkerThreadClient,
    options: CreateOptions,
    isOver: IsOver,
  ): Promise<VMWorkflowThreadProxy> {
    const { workflowId, runId } = options.info
    // `create` makes one of the class that it is called on.
    const run = (await this.create(thread, options)) as RunProxy
    run.#isOver = () => isOver({ workflowId, runId })
    return run
  }

  override async activate(activation: Activation): Promise<Completion> {
    // A run that is over gets no workflow task any more, and is asked with all that came to it.
    if (this.#watch.isEarly(activation) && !(await this.#isOver())) {
      this.#calls = []
      return refuse(this.runId)
    }
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

/** The core refuses the question with it, and forgets the run: the next one who asks finds it as Temporal has it. */
function refuse(runId: string): Completion {
  const message = "The question came together with events that no workflow task has taken yet: ask again."
  return { runId, failed: { failure: { message, applicationFailureInfo: { type: "asked_too_early" } } } }
}

export class RunProxyCreator extends ThreadedVMWorkflowCreator {
  readonly #isOver: IsOver

  constructor(thread: WorkerThreadClient, isOver: IsOver) {
    super([thread])
    this.#isOver = isOver
  }

  override createWorkflow(options: CreateOptions): Promise<VMWorkflowThreadProxy> {
    const [thread] = this.workerThreadClients
    if (thread === undefined) throw new Error("the sandbox has no thread")
    return RunProxy.open(thread, options, this.#isOver)
  }
}
