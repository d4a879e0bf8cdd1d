/** Fields that every task has, whatever its kind. */
import { z } from "zod"
import { EFFECTS } from "../../contract/statuses.ts"
import { FLOW_NAME_PATTERN, refuseTaskId } from "../flow-name.ts"
import { quote } from "../problem.ts"
import { careFields } from "./care.ts"
import { duration, notYet, wholeExpression, words } from "./fields.ts"

export const RetrySchema = z.strictObject({
  strategy: words(["auto", "manual", "no_retry"]).optional(),
  /** Counts the first attempt. */
  max_attempts: z.int().min(1).max(10_000).optional(),
  interval: duration(1).optional(),
  backoff: z.number().min(1).max(1_000).optional(),
  max_interval: duration(1).optional(),
  max_elapsed: duration(1).optional(),
  non_retryable: z.array(z.string().min(1).max(200)).max(200).optional(),
})

export const TimeoutSchema = z.strictObject({
  attempt: duration(1).optional(),
  queue: duration(1).optional(),
  total: duration(1).optional(),
  heartbeat: duration(1).optional(),
})

const id = z.string().superRefine((text, context) => {
  const message = refuseTaskId(text)
  if (message !== undefined) context.addIssue({ code: "custom", message, params: { code: "invalid_id" } })
})

const edge = z.preprocess(
  (entry) => (typeof entry === "string" ? { task: entry } : entry),
  z.strictObject(
    {
      task: z.string(),
      on: words(["success"], ["failure", "done"]).optional(),
      branch: notYet("branch"),
      required: notYet("required"),
    },
    {
      error: (issue) =>
        issue.code === "invalid_type" ? `expected the id of a task, got ${quote(issue.input)}` : undefined,
    },
  ),
)

/** Of S1's roadmap: `$.task.result.field`. */
const resultPath = z
  .string()
  .regex(/^\$\.[A-Za-z_][A-Za-z0-9_-]*\.result(\.[A-Za-z_][A-Za-z0-9_-]*|\[\d{1,9}\])*$/, {
    error: "expected a path such as $.pay.result.payment_id",
  })

const taskName = z.string().regex(FLOW_NAME_PATTERN, {
  error: "a task_name starts with a letter or _, then letters, digits, _ . -",
})

const input = z.union([z.string().includes("${"), z.record(z.string(), z.unknown())], {
  error: (issue) => `expected a mapping, or an expression that makes one; got ${quote(issue.input)}`,
})

/** How a task is undone. It is repeated under one key of its own, and must take "there is nothing to undo" for done. */
export const CompensateSchema = z.strictObject({
  task_name: taskName,
  description: z.string().max(10_000).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
  input: input.optional(),
  retry: RetrySchema.optional(),
  timeout: TimeoutSchema.optional(),
  summary: z.string().optional(),
})

/** How a target is asked what became of a call whose answer is lost. It only reads. */
export const ProbeSchema = z.strictObject({
  task_name: taskName,
  description: z.string().max(10_000).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
  input: input.optional(),
  /** Over the probe's reply: true when the effect is there. */
  executed_when: wholeExpression,
  /** Over the probe's reply: stands in for the task's own output. The reply as it is, unless said. */
  output: z.unknown().optional(),
  /** Where it finds nothing, the target refuses the call from then on: then "not found" proves that it did not run. */
  fences: z.boolean().optional(),
  retry: RetrySchema.optional(),
  timeout: TimeoutSchema.optional(),
  summary: z.string().optional(),
})

export const TaskSchema = z.strictObject({
  id,
  task_name: taskName,
  description: z.string().max(10_000).optional(),
  depends_on: z.array(edge).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
  input: input.optional(),
  input_from: z.record(z.string(), resultPath).optional(),
  retry: RetrySchema.optional(),
  timeout: TimeoutSchema.optional(),
  effect: words(EFFECTS).optional(),
  on_error: words(["park", "fail", "continue", "compensate"], ["route"]).optional(),
  /** What later tasks can see of the reply. */
  output: z.unknown().optional(),
  summary: z.string().optional(),
  join: words(["all"], ["all_success", "all_done", "any"]).optional(),
  /** False when the task is ready: it is skipped. */
  when: wholeExpression.optional(),
  on_skip: words(["prune"]).optional(),
  /** Cannot be refused by business: it may come after what cannot be undone. */
  must_succeed: z.boolean().optional(),
  /** How long the target remembers a key. */
  dedup_window: duration(1).optional(),
  select: notYet("select"),
  /** The call that undoes it (`CompensateSchema`), or `none` where nothing has to be undone. */
  compensate: z.unknown().optional(),
  /** The call that asks its target what became of it (`ProbeSchema`). */
  probe: z.unknown().optional(),
  /** Once it may have happened, the transaction goes forward only. */
  pivot: z.boolean().optional(),
  ...careFields,
  /** 1 is the most urgent; counts where calls wait for a worker. */
  priority: z.int().min(1).max(5).optional(),
  worker: notYet("worker"),
  labels: notYet("labels"),
  cache: notYet("cache"),
  cancel_others: notYet("cancel_others"),
})
