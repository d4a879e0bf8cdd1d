/** What a bulk job does to one transaction. */
import { z } from "zod"
import { BULK_ITEM_STATES } from "../../contract/bulk.ts"
import { EFFECTS } from "../../contract/statuses.ts"
import { bigint, timestamp } from "./columns.ts"

export const BulkItemRow = z.object({
  seq: z.int(),
  instance_id: z.string(),
  exception_id: bigint.nullable(),
  /** Empty for the transaction itself. */
  path: z.string(),
  operation: z.string(),
  effect: z.enum(EFFECTS).nullable(),
  /** Null where it is about an exception. */
  version: bigint.nullable(),
  state: z.enum(BULK_ITEM_STATES),
  round: z.int(),
  decision_id: z.string().nullable(),
  code: z.string().nullable(),
  detail: z.string().nullable(),
  sent_at: timestamp.nullable(),
  settled_at: timestamp.nullable(),
})
export type BulkItemRow = z.output<typeof BulkItemRow>

export const bulkItemColumns = `
  seq, instance_id, exception_id, path, operation, effect, version, state, round, decision_id, code, detail, sent_at,
  settled_at`
