import { z } from "zod"
import { PROPOSABLE_ACTIONS } from "../../contract/statuses.ts"

/** A decision that waits for a second person, as the mirror keeps it: times in milliseconds. */
export const ApprovalRequest = z.object({
  id: z.string(),
  action: z.enum(PROPOSABLE_ACTIONS),
  task: z.string().nullable(),
  operation: z.enum(["do", "undo"]),
  requester: z.string(),
  at: z.number(),
  expires_at: z.number(),
})
