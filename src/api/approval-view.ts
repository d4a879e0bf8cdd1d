import { z } from "@hono/zod-openapi"
import type { ApprovalRequest } from "../contract/rows.ts"
import { PROPOSABLE_ACTIONS } from "../contract/statuses.ts"

/** A decision that waits for a second person. */
export const PendingApproval = z
  .object({
    id: z.string().openapi({ description: "What approve and reject name as their request." }),
    action: z.enum(PROPOSABLE_ACTIONS).openapi({ description: "What is done once it is approved." }),
    task: z.string().nullable().openapi({ description: "Null where it is about the whole transaction." }),
    requester: z.string().openapi({ description: "Who asked for it, and so may not approve it." }),
    requested_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  })
  .openapi("PendingApproval")
export type PendingApproval = z.output<typeof PendingApproval>

export function toPendingApproval(request: ApprovalRequest): PendingApproval {
  const { id, action, task, requester, at, expires_at } = request
  return { id, action, task, requester, requested_at: toTime(at), expires_at: toTime(expires_at) }
}

function toTime(at: number): string {
  return new Date(at).toISOString()
}
