import { WorkflowUpdateFailedError } from "@temporalio/client"
import { REFUSED_FAILURE } from "../../src/contract/messages.ts"

/** Whether an update failed since its decision was refused with this word. */
export function isRefusal(word: string): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof WorkflowUpdateFailedError)) return false
    const cause = error.cause as { type?: string; details?: unknown[] }
    return cause.type === REFUSED_FAILURE && cause.details?.[0] === word
  }
}
