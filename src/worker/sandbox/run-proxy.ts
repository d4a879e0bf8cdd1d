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
import { ASKED_TOO_EARLY } from "../../contract/messages.ts"
import type { IsTaken } from "./taken-events.ts"

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

class RunProxy extends VMWorkflowThreadProxy {
  #isTaken: (event: number) => Promise<boolean> = () => Promise.resolve(false)
  /** The last event that the run took live, until somebody finds out that a workflow task had brought it. */
  #unproven: number | undefined
  /** Of the last activation; undefined where it threw, and where they were taken. */
  #calls: SinkCalls | undefined

  static async open(
    thread: WorkerThreadClient,
    options: CreateOptions,
    isTaken: IsTaken,
  ): Promise<VMWorkflowThreadProxy> {
    const { workflowId, runId } = options.info
    // `create` makes one of the class that it is called on.
    const run = (await this.create(thread, options)) as RunProxy
    run.#isTaken = (event) => isTaken({ workflowId, runId }, event)
    return run
  }

  override async activate(activation: Activation): Promise<Completion> {
    if (!isQuestion(activation)) {
      const completion = await this.#send(activation)
      // What was refused alone leaves no event: Temporal drops that workflow task.
      if (activation.isReplaying !== true && !isRefusal(completion))
        this.#unproven = Number(activation.historyLength)
      return completion
    }
    if (this.#unproven !== undefined && !(await this.#isTaken(this.#unproven))) {
      this.#calls = []
      return refuse(this.runId)
    }
    this.#unproven = undefined
    return this.#send(activation)
  }

  async #send(activation: Activation): Promise<Completion> {
    this.#calls = undefined
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

/** One that came by itself. Those that come with a workflow task have ids of their own. */
function isQuestion({ jobs }: Activation): boolean {
  return jobs?.some(({ queryWorkflow }) => queryWorkflow?.queryId === "legacy_query") ?? false
}

function isRefusal({ successful }: Completion): boolean {
  const commands = successful?.commands ?? []
  return commands.length > 0 && commands.every(({ updateResponse }) => updateResponse?.rejected)
}

/** The core refuses the question with it, and forgets the run: who asks next finds it as Temporal has it. */
function refuse(runId: string): Completion {
  const applicationFailureInfo = { type: "asked_too_early" }
  return { runId, failed: { failure: { message: ASKED_TOO_EARLY, applicationFailureInfo } } }
}

export class RunProxyCreator extends ThreadedVMWorkflowCreator {
  readonly #isTaken: IsTaken

  constructor(thread: WorkerThreadClient, isTaken: IsTaken) {
    super([thread])
    this.#isTaken = isTaken
  }

  override createWorkflow(options: CreateOptions): Promise<VMWorkflowThreadProxy> {
    const [thread] = this.workerThreadClients
    if (thread === undefined) throw new Error("the sandbox has no thread")
    return RunProxy.open(thread, options, this.#isTaken)
  }
}
