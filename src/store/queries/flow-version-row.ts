/** A stored version of a flow without its plan, as `select` lists have to produce it. */
import { z } from "zod"
import { timestamp } from "./columns.ts"

export const FlowVersionSummaryRow = z.object({
  version: z.int(),
  plan_hash: z.string(),
  created_by: z.string(),
  created_at: timestamp,
})
export type FlowVersionSummaryRow = z.output<typeof FlowVersionSummaryRow>

export const flowVersionColumns = "v.version, v.plan_hash, v.created_by, v.created_at"
