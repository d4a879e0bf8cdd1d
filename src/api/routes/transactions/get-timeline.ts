import { createRoute, z } from "@hono/zod-openapi"
import {
  ATTEMPT_CLASSES,
  TASK_KINDS,
  TASK_STATUSES,
  TRANSACTION_STATUSES,
} from "../../../contract/statuses.ts"
import { type AttemptSpanRow, listAllAttempts } from "../../../store/queries/list-all-attempts.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"
import { InstanceId } from "../../texts.ts"
import { viewTransaction } from "../../transaction-view.ts"

/** More bars than these show nothing; the attempts of one task have a list of their own. */
const MAX_ATTEMPTS = 2_000

const time = z.iso.datetime().nullable()
const duration = z.number().nullable().openapi({ description: "Seconds; null while it lasts." })

const Span = z.object({
  attempt: z.int(),
  generation: z.int(),
  operation: z.string(),
  class: z.enum(ATTEMPT_CLASSES),
  code: z.string().nullable(),
  started_at: z.iso.datetime(),
  completed_at: z.iso.datetime(),
  duration: z.number(),
})

const Timeline = z
  .object({
    instance_id: z.string(),
    status: z.enum(TRANSACTION_STATUSES),
    created_at: z.iso.datetime(),
    started_at: time,
    completed_at: time,
    duration,
    tasks: z.array(
      z.object({
        id: z.string(),
        task_id: z.string(),
        name: z.string(),
        type: z.enum(TASK_KINDS),
        status: z.enum(TASK_STATUSES),
        started_at: time,
        completed_at: time,
        duration,
        attempts: z.array(Span),
      }),
    ),
    more_attempts: z
      .boolean()
      .openapi({ description: `There are more than the ${MAX_ATTEMPTS} attempts shown.` }),
  })
  .openapi("Timeline")

export const getTimelineRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/transactions/{id}/timeline",
    operationId: "get-timeline",
    tags: ["transactions"],
    summary: "Read when each task and each attempt ran",
    description: "Tasks in the order in which they started; those that have not started come last.",
    request: { params: z.object({ id: InstanceId }) },
    responses: { 200: successOf("The timeline.", Timeline), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const key = { tenant: c.get("identity").tenant, instance_id: c.req.valid("param").id }
    const transaction = await viewTransaction(services, { ...key, source: "mirror" })
    const attempts = await listAllAttempts(services.pool, { ...key, limit: MAX_ATTEMPTS + 1 })
    const spans = new Map<string, AttemptSpanRow[]>()
    for (const attempt of attempts.slice(0, MAX_ATTEMPTS)) {
      const ofTask = spans.get(attempt.path)
      if (ofTask === undefined) spans.set(attempt.path, [attempt])
      else ofTask.push(attempt)
    }
    const { instance_id, status, created_at, started_at, completed_at } = transaction
    const tasks = transaction.tasks
      .toSorted((a, b) => (a.started_at ?? "~").localeCompare(b.started_at ?? "~"))
      .map(({ id, task_id, name, type, ...task }) => ({
        id,
        task_id,
        name,
        type,
        status: task.status,
        started_at: task.started_at,
        completed_at: task.completed_at,
        duration: secondsBetween(task.started_at, task.completed_at),
        attempts: (spans.get(task_id) ?? []).map(toSpan),
      }))
    const whole = { instance_id, status, created_at, started_at, completed_at }
    const lasted = secondsBetween(created_at, completed_at)
    return c.json(
      success({ ...whole, duration: lasted, tasks, more_attempts: attempts.length > MAX_ATTEMPTS }),
      200,
    )
  },
})

function toSpan({ path: _path, ended_at, ...span }: AttemptSpanRow): z.output<typeof Span> {
  const duration = (Date.parse(ended_at) - Date.parse(span.started_at)) / 1000
  return { ...span, completed_at: ended_at, duration }
}

function secondsBetween(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : (Date.parse(to) - Date.parse(from)) / 1000
}
