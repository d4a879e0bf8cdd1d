/**
 * Tells the activations of one run that no workflow task made. A question that waits for a worker while the run goes on
 * reaches it with the events since the last workflow task, and the SDK hands those out at once. The run would go on by
 * itself; what comes before the next workflow task would then be taken after that, and not together with it, as every
 * later replay takes it. Where that leads to other commands, or to others first, the run can never be replayed again.
 */
import proto from "@temporalio/proto"

type Activation = proto.coresdk.workflow_activation.IWorkflowActivation

interface Seen {
  length: number
  /** Of the workflow task: the SDK's core changes size and time where one begins, and nowhere else. */
  task: string
}

export class TaskWatch {
  #last: Seen | undefined

  /**
   * Whether it has events that the last activation did not have, and belongs to the same workflow task. Asked of each
   * activation, once. In a replay no question is among them, and a clock that went back proves nothing.
   */
  isEarly(activation: Activation): boolean {
    const { jobs, isReplaying } = activation
    if (jobs?.some(({ queryWorkflow }) => queryWorkflow)) return false
    const last = this.#last
    const now = { length: Number(activation.historyLength), task: describeTask(activation) }
    // An update comes with a workflow task alone.
    const canBe = isReplaying !== true && !jobs?.some(({ doUpdate }) => doUpdate)
    if (canBe && last !== undefined && now.length > last.length && now.task === last.task) return true
    this.#last = now
    return false
  }
}

function describeTask({ historySizeBytes, timestamp }: Activation): string {
  return [historySizeBytes, timestamp?.seconds, timestamp?.nanos].map(String).join(" ")
}
