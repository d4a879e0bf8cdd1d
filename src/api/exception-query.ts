/** What lists and groups of exceptions can be narrowed by. */
import { z } from "@hono/zod-openapi"
import { EXCEPTION_KINDS, SEVERITIES } from "../contract/statuses.ts"
import type { ExceptionFilter } from "../store/queries/exception-filter.ts"
import { SHOWN_STATES } from "../store/queries/shown-state.ts"
import { flag, FlowReference, InstanceId, text } from "./texts.ts"

export const MAX_PERSON_CHARACTERS = 200

/** Query parameters. */
export const exceptionQuery = {
  handled: flag.optional(),
  kind: z.enum(EXCEPTION_KINDS).optional(),
  severity: z.enum(SEVERITIES).optional(),
  state: z.enum(SHOWN_STATES).optional().openapi({ description: "As it is shown." }),
  flow_id: FlowReference.optional(),
  instance_id: InstanceId.optional(),
  owner: text(MAX_PERSON_CHARACTERS).optional(),
  team: text(MAX_PERSON_CHARACTERS).optional(),
  group: z
    .string()
    .regex(/^[0-9a-f]{16}$/, "must be the group of an exception: 16 hexadecimal digits")
    .optional(),
  overdue: flag.optional().openapi({ description: "Open, and past `sla_due_at`." }),
  snoozed: flag.optional().openapi({ description: "`false` leaves out what sleeps at this moment." }),
}
const ExceptionQuery = z.object(exceptionQuery)

export function toExceptionFilter(tenant: string, query: z.output<typeof ExceptionQuery>): ExceptionFilter {
  return {
    tenant,
    handled: query.handled ?? null,
    kind: query.kind ?? null,
    severity: query.severity ?? null,
    state: query.state ?? null,
    flow: query.flow_id ?? null,
    instance_ids: query.instance_id === undefined ? null : [query.instance_id],
    owner: query.owner ?? null,
    team: query.team ?? null,
    group: query.group ?? null,
    snoozed: query.snoozed ?? null,
    overdue: query.overdue ?? null,
    open: null,
  }
}
