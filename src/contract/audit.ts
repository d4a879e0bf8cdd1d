/** What a row of the audit trail is about: a person's decision about a transaction, or a change of anything else. */
import { DECISION_ACTIONS } from "./statuses.ts"

/** Who decides without a key: no key has one of these names. */
export const RESERVED_ACTORS: readonly string[] = ["temporal", "escalation", "local"]

const CHANGES = [
  "flow.publish",
  "flow.activate",
  "flow.deactivate",
  "flow.delete",
  "task_definition.create",
  "task_definition.replace",
  "task_definition.delete",
  "connection.create",
  "connection.replace",
  "connection.delete",
  "secret.save",
  "secret.delete",
  "key.create",
  "key.revoke",
  "exception.handle",
  "bulk_job.create",
  "bulk_job.start",
  "bulk_job.pause",
  "bulk_job.resume",
  "bulk_job.cancel",
] as const
export type AuditedChange = (typeof CHANGES)[number]

export const AUDIT_ACTIONS = [...DECISION_ACTIONS, ...CHANGES] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]
