/** How a task is undone, as the engine runs it (design 4.4). */
import type { PlanCompensate, PlanTask } from "../contract/plan.ts"
import { compileOwnCall } from "./compile-own-call.ts"
import type { FlowContext } from "./compile-task.ts"
import type { CompensateDraft, TaskDraft } from "./read-task.ts"
import type { RetryDefaults } from "./retry.ts"

/** Until its time is over: how long that is, `policy.compensation.max_elapsed` says. */
const RETRY_DEFAULTS: RetryDefaults = {
  max_attempts: 10_000,
  interval_ms: 1_000,
  backoff: 2,
  max_interval_ms: 300_000,
}

/** Reports every problem. Undefined where the task has no compensation, or one that cannot be compiled. */
export function compileCompensate(task: TaskDraft, context: FlowContext): PlanTask["compensate"] | undefined {
  const { compensate: draft } = task
  return draft === undefined || draft === "none" ? draft : compile(draft, task, context)
}

function compile(draft: CompensateDraft, task: TaskDraft, context: FlowContext): PlanCompensate | undefined {
  const compiled = compileOwnCall(
    draft,
    { ...context, task },
    { where: "compensate", retryDefaults: RETRY_DEFAULTS, effect: "keyed" },
  )
  if (compiled === undefined) return undefined
  const { plan, references } = compiled
  const reads = (name: string) => references.some(({ root }) => root === name)
  return {
    ...plan,
    reads_own: (["input", "output"] as const).filter(reads),
    retry: { max_elapsed_ms: context.undoElapsedMs, ...plan.retry },
  }
}
