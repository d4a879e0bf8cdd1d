import { createRoute, z } from "@hono/zod-openapi"
import { ATTEMPT_CLASSES, OUTCOMES } from "../../../contract/statuses.ts"
import { countTaskAttempts } from "../../../store/queries/count-task-attempts.ts"
import { type AttemptRow, listAttempts } from "../../../store/queries/list-attempts.ts"
import type { Privacy } from "../../../masking/private-params.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { getTaskPrivacy } from "../../transaction-view.ts"
import { defineRoute } from "../../route.ts"
import { InstanceId, text } from "../../texts.ts"

const Attempt = z
  .object({
    attempt: z.int(),
    generation: z.int(),
    operation: z.string(),
    class: z.enum(ATTEMPT_CLASSES),
    outcome: z.enum(OUTCOMES).openapi({ description: "What was known of the effect after it." }),
    code: z.string().nullable(),
    message: z.string().nullable(),
    request: z.unknown(),
    response: z.unknown(),
    peer: z.string().nullable(),
    bytes_sent: z.int().nullable(),
    bytes_received: z.int().nullable(),
    started_at: z.iso.datetime(),
    ended_at: z.iso.datetime(),
  })
  .openapi("Attempt")

export const listAttemptsRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/transactions/{id}/tasks/{task}/attempts",
    operationId: "list-attempts",
    tags: ["transactions"],
    summary: "List the attempts of a task's call, oldest first",
    request: { params: z.object({ id: InstanceId, task: text(200) }), query: z.strictObject(pagingQuery) },
    responses: { 200: successOf("One page.", listOf(Attempt)), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { id, task } = c.req.valid("param")
    const key = { tenant: c.get("identity").tenant, instance_id: id, path: task }
    const { hide } = await getTaskPrivacy(services, key)
    const { rows, ...page } = await readPage(c.req.valid("query"), {
      list: (slice) => listAttempts(services.pool, key, slice),
      count: () => countTaskAttempts(services.pool, key),
      placeOf: (row) => ({ at: row.started_us, id: `${row.generation}.${row.operation}.${row.attempt}` }),
      placeId: /^[0-9a-z.]{1,60}$/,
    })
    return c.json(success({ list: rows.map((row) => toAttempt(row, hide)), ...page }), 200)
  },
})

function toAttempt(
  { started_us: _position, ...attempt }: AttemptRow,
  hide: Privacy["hide"],
): z.output<typeof Attempt> {
  const { message, request, response } = attempt
  return { ...attempt, message: hide(message), request: hide(request), response: hide(response) }
}
