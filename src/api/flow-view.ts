/** A flow as it is answered. */
import { z } from "@hono/zod-openapi"
import type { Problem } from "../flow/problem.ts"
import type { FlowRow } from "../store/queries/flow-row.ts"
import { toProblemItem } from "./compile-flow.ts"

export const Warning = z.object({ pointer: z.string(), code: z.string(), detail: z.string() })

export const Flow = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    flow_type: z.string(),
    version: z.int(),
    definition: z.unknown().openapi({ description: "As it was sent: an object, or JSON text." }),
    plan_hash: z.string().openapi({ description: "sha256 of the compiled plan." }),
    is_active: z.boolean(),
    create_user: z.string(),
    updated_user: z.string(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    warnings: z.array(Warning),
  })
  .openapi("Flow")
export type Flow = z.output<typeof Flow>

export function toFlow(row: FlowRow): Flow {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    flow_type: row.flow_type,
    version: row.version,
    definition: row.source_kind === "string" ? row.source : JSON.parse(row.source),
    plan_hash: row.plan_hash,
    is_active: row.is_active,
    create_user: row.create_user,
    updated_user: row.updated_user,
    created_at: row.created_at,
    updated_at: row.updated_at,
    // Stored by `compileFlow`, which gets them as problems.
    warnings: (row.warnings as Problem[]).map((warning) => toProblemItem(warning, "/definition")),
  }
}

/** Changes whenever anything of the answer does. */
export function toEtag(row: FlowRow): string {
  return `"${row.version}-${Number(row.updated_us).toString(36)}"`
}
