/** A version of a flow as it is answered. */
import { z } from "@hono/zod-openapi"
import type { Problem } from "../flow/problem.ts"
import type { WholeFlowVersionRow } from "../store/queries/find-whole-flow-version.ts"
import { toProblemItem } from "./compile-flow.ts"
import { Warning } from "./flow-view.ts"

export const FlowVersionSummary = z
  .object({
    version: z.int(),
    plan_hash: z.string(),
    created_by: z.string(),
    created_at: z.iso.datetime(),
    is_current: z.boolean().openapi({ description: "What a start takes now." }),
  })
  .openapi("FlowVersionSummary")

export const FlowVersion = FlowVersionSummary.extend({
  flow_id: z.string(),
  name: z.string(),
  definition: z.unknown().openapi({ description: "As it was sent: an object, or JSON text." }),
  warnings: z.array(Warning),
}).openapi("FlowVersion")

export function toFlowVersion(
  { source, source_kind, warnings, ...row }: WholeFlowVersionRow,
  flow: { id: string; name: string; version: number },
): z.output<typeof FlowVersion> {
  return {
    ...row,
    is_current: row.version === flow.version,
    flow_id: flow.id,
    name: flow.name,
    definition: source_kind === "string" ? source : JSON.parse(source),
    // Stored by `compileFlow`, which gets them as problems.
    warnings: (warnings as Problem[]).map((warning) => toProblemItem(warning, "/definition")),
  }
}
