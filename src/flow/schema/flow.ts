/** The flow document (dsl 1). Its tasks are read one by one with `TaskSchema`. */
import { z } from "zod"
import { refuseFlowName } from "../flow-name.ts"
import { notYet, words } from "./fields.ts"

const PolicySchema = z.strictObject({
  /** What a task does that has no `on_error`: `park`, or `fail` while independent branches go on. */
  failure: words(["park", "finish_independent"], ["fail_fast", "compensate"]).optional(),
  max_parallel: z.int().min(1).max(500).optional(),
  on_cancel: notYet("on_cancel"),
  timeout: notYet("timeout"),
  compensation: notYet("compensation"),
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
  tasks: z.array(z.unknown()),
  labels: notYet("labels"),
  mask: notYet("mask"),
})
