/** A task definition, as `select` lists have to produce it. */
import { z } from "zod"
import { FIELD_TYPES } from "../../contract/input-fields.ts"
import { TASK_KINDS } from "../../contract/statuses.ts"
import { position, timestamp } from "./columns.ts"

const json = z.record(z.string(), z.unknown())

export const TaskDefinitionRow = z.object({
  name: z.string(),
  type: z.enum(TASK_KINDS),
  description: z.string(),
  config: json,
  input_fields: z.array(
    z.object({
      name: z.string(),
      type: z.enum(FIELD_TYPES),
      required: z.boolean().optional(),
      default: z.unknown().optional(),
      description: z.string().optional(),
    }),
  ),
  retry: json.nullable(),
  timeout: json.nullable(),
  effect: z.string().nullable(),
  create_user: z.string(),
  updated_user: z.string(),
  created_at: timestamp,
  updated_at: timestamp,
  created_us: position,
})
export type TaskDefinitionRow = z.output<typeof TaskDefinitionRow>

export const taskDefinitionColumns = `
  name, type, description, config, input_fields, retry, timeout, effect, create_user, updated_user,
  created_at, updated_at, (extract(epoch from created_at) * 1000000)::bigint::text as created_us`
