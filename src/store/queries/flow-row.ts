/** A flow with its active version, as `select` lists have to produce it. */
import { z } from "zod"
import { position, timestamp } from "./columns.ts"

export const FlowRow = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  flow_type: z.string(),
  version: z.int(),
  is_active: z.boolean(),
  create_user: z.string(),
  updated_user: z.string(),
  created_at: timestamp,
  updated_at: timestamp,
  /** Microseconds: what an `ETag` is made from. */
  updated_us: position,
  created_us: position,
  source: z.string(),
  source_kind: z.enum(["object", "string"]),
  plan_hash: z.string(),
  params_schema: z.unknown(),
  warnings: z.array(z.unknown()),
})
export type FlowRow = z.output<typeof FlowRow>

export const flowColumns = `
  f.id, f.name, f.description, f.flow_type, f.active_version as version, f.is_active,
  f.create_user, f.updated_user, f.created_at, f.updated_at,
  (extract(epoch from f.updated_at) * 1000000)::bigint::text as updated_us,
  (extract(epoch from f.created_at) * 1000000)::bigint::text as created_us,
  v.source, v.source_kind, v.plan_hash, v.params_schema, v.warnings`
