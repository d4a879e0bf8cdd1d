/** A task as it is answered: what the flow says of it, and how far it got. */
import { z } from "@hono/zod-openapi"
import type { PlanTask } from "../contract/plan.ts"
import { COMPENSATION_STATUSES, OUTCOMES, TASK_KINDS, TASK_STATUSES } from "../contract/statuses.ts"
import type { TaskRow } from "../store/queries/list-tasks.ts"
import type { FlowVersion } from "./flow-versions.ts"

export const Task = z
  .object({
    id: z.string().openapi({ example: "order_001_pay" }),
    task_id: z.string().openapi({ example: "pay" }),
    group_id: z.string().openapi({ description: "The instance_id." }),
    name: z.string().openapi({ description: "The task's description, else its id." }),
    type: z.enum(TASK_KINDS),
    depends_on: z.array(z.string()),
    status: z.enum(TASK_STATUSES),
    outcome: z.enum(OUTCOMES),
    compensation: z.enum(COMPENSATION_STATUSES),
    compensation_outcome: z
      .enum(OUTCOMES)
      .openapi({ description: "What is known of the compensation's own effect." }),
    compensation_error_code: z.string().nullable(),
    compensation_error_message: z.string().nullable(),
    generation: z.int(),
    reason: z.string().nullable().openapi({ description: "Why it was skipped, pruned or cancelled." }),
    config: z.unknown().openapi({ description: "As the flow's author wrote it." }),
    input_data: z.unknown(),
    output_data: z.unknown().openapi({
      description:
        "One of more than 64 KiB is kept by reference, and this is an object whose only member, `by_reference`, says so: `task`, `bytes`, `sha256`, `type` and how to `read` it.",
    }),
    error_code: z.string().nullable(),
    error_class: z.string().nullable(),
    error_message: z.string().nullable(),
    retry_count: z
      .int()
      .openapi({ description: "Attempts beyond the first, those of repeats by a person too." }),
    max_retry: z.int().openapi({ description: "Retries the flow allows after the first attempt." }),
    started_at: z.iso.datetime().nullable(),
    completed_at: z.iso.datetime().nullable(),
  })
  .openapi("Task")
export type Task = z.output<typeof Task>

interface TaskFacts {
  instance_id: string
  /** Position in the plan. */
  index: number
  version: FlowVersion
  /** Absent while the task has not moved. */
  row: TaskRow | undefined
  attempts: number
}

export function toTask({ instance_id, index, version, row, attempts }: TaskFacts): Task {
  const task = planTask(version, index)
  return {
    id: toTaskId(instance_id, task.id),
    task_id: task.id,
    group_id: instance_id,
    name: toTaskName(version, task.id),
    type: task.kind,
    depends_on: task.deps.map((position) => planTask(version, position).id),
    status: row?.status ?? "pending",
    outcome: row?.outcome ?? "not_started",
    compensation: row?.compensation ?? "none",
    compensation_outcome: row?.undo?.outcome ?? "not_started",
    compensation_error_code: row?.undo?.error?.code ?? null,
    compensation_error_message: row?.undo?.error?.message ?? null,
    generation: row?.generation ?? 1,
    reason: row?.reason ?? null,
    config: version.tasks.get(task.id)?.config ?? {},
    input_data: row?.input ?? null,
    output_data: row?.output ?? null,
    error_code: row?.error?.code ?? null,
    error_class: row?.error?.class ?? null,
    error_message: row?.error?.message ?? null,
    retry_count: Math.max(0, attempts - 1),
    max_retry: task.retry.max_attempts - 1,
    started_at: row?.started_at ?? null,
    completed_at: row?.ended_at ?? null,
  }
}

/** S1's name of a task in a transaction. */
export function toTaskId(instanceId: string, path: string): string {
  return `${instanceId}_${path}`
}

export function toTaskName(version: FlowVersion, path: string): string {
  return version.tasks.get(path)?.description ?? path
}

function planTask({ plan }: FlowVersion, index: number): PlanTask {
  const task = plan.tasks[index]
  if (task === undefined) throw new RangeError(`the plan has ${plan.tasks.length} tasks and none at ${index}`)
  return task
}
