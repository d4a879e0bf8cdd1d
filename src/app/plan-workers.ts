import { TASK_QUEUE } from "../contract/messages.ts"
import type { Role } from "../contract/roles.ts"

/** One worker of this process. */
export interface WorkerPlan {
  queue: string
  polls: "workflows" | "calls" | "both"
}

/** Workflows are on one queue, and share a worker with the calls of that queue: only so are calls eager. */
export function planWorkers(roles: readonly Role[], queueNames: readonly string[]): WorkerPlan[] {
  const queues = roles.includes("task-worker") ? queueNames : []
  const calls = queues.map((queue): WorkerPlan => ({ queue, polls: "calls" }))
  if (!roles.includes("flow-worker")) return calls
  const polls = queues.includes(TASK_QUEUE) ? "both" : "workflows"
  return [{ queue: TASK_QUEUE, polls }, ...calls.filter(({ queue }) => queue !== TASK_QUEUE)]
}
