/** The flow document (dsl 1). Its tasks are read one by one with `TaskSchema`. */
import { z } from "zod"
import { refuseFlowName } from "../flow-name.ts"
import { careFields, personName } from "./care.ts"
import { duration, words } from "./fields.ts"

const LABEL_NAME = /^[A-Za-z0-9_.-]{1,63}$/
const MASK_POINTER = /^\/params(\/([^~/]|~[01])+)+$/

const PolicySchema = z.strictObject({
  /**
   * What a task does that has no `on_error`: `park`, `fail` while independent branches go on or are stopped, or
   * `compensate`.
   */
  failure: words(["park", "finish_independent", "fail_fast", "compensate"]).optional(),
  max_parallel: z.int().min(1).max(500).optional(),
  ...careFields,
  /** Of a transaction in which something may have happened. */
  on_cancel: words(["stop", "compensate"]).optional(),
  /** From the start; then what has not started is stopped, and the transaction fails. */
  timeout: duration(1).optional(),
  compensation: z
    .strictObject({
      /** How many compensations may run at once. */
      concurrency: z.int().min(1).max(500).optional(),
      /** How long a compensation is repeated before it parks; its own `retry` and `timeout` go before it. */
      max_elapsed: duration(1).optional(),
      /** How long a running attempt is waited for before its task is undone all the same. */
      drain: duration(0).optional(),
    })
    .optional(),
})

const name = z.string().superRefine((text, context) => {
  const message = refuseFlowName(text)
  if (message !== undefined) context.addIssue({ code: "custom", message, params: { code: "invalid_name" } })
})

export const FlowSchema = z.strictObject({
  name,
  description: z.string().max(10_000).optional(),
  dsl: z.literal("1").optional(),
  /** JSON Schema, draft 2020-12 or draft-07. */
  params_schema: z.record(z.string(), z.unknown()).optional(),
  /** The transaction's result. */
  output: z.unknown().optional(),
  policy: PolicySchema.optional(),
  business_key: z.string().optional(),
  /** What a start does whose business key another transaction of the flow has, open or successful. */
  on_duplicate: words(["allow", "reject", "return_existing"]).optional(),
  tasks: z.array(z.unknown()),
  /** Whose its exceptions are, before a person says. */
  team: personName.optional(),
  /** Names and texts for filters, made from `params`. */
  labels: z
    .record(
      z.string().regex(LABEL_NAME, { error: "a label's name has 1 to 63 letters, digits, _ . -" }),
      z.string(),
    )
    .optional(),
  /** JSON Pointers to values of `params` that are shown to nobody. */
  mask: z
    .array(
      z.string().regex(MASK_POINTER, { error: "expected a pointer below /params, such as /params/card" }),
    )
    .max(100)
    .optional(),
})
