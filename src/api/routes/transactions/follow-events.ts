import { createRoute, z } from "@hono/zod-openapi"
import { isEndStatus } from "../../../contract/statuses.ts"
import { findStanding } from "../../../store/queries/find-standing.ts"
import { listEvents } from "../../../store/queries/list-events.ts"
import { problemsOf } from "../../envelope.ts"
import { createEventStream } from "../../event-stream.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { decimal, InstanceId } from "../../texts.ts"

const scope = "transactions:read"

export const followEventsRoute = defineRoute({
  scope,
  contract: createRoute({
    method: "get",
    path: "/api/v1/transactions/{id}/events",
    operationId: "follow-events",
    tags: ["transactions"],
    summary: "Follow a transaction as Server-Sent Events",
    description:
      "From its first event on, or from the one after `Last-Event-ID`. The types are `transaction.updated`, `transaction.ended` (final unless somebody resumes a failed one), `task.updated`, `exception.opened`, `exception.reopened`, `exception.resolved`, `exception.auto_resolved`, `exception.superseded`, `exception.accepted`, `exception.escalated`, what people said of an exception (`exception.handled`, `exception.acknowledged`, `exception.assigned`, `exception.unassigned`, `exception.snoozed`, `exception.woken`, `exception.commented`) and `decision.recorded`. The same fact may be told twice. The stream ends when the transaction has ended.",
    request: {
      params: z.object({ id: InstanceId }),
      headers: z.object({
        "last-event-id": decimal({ min: 0, max: Number.MAX_SAFE_INTEGER })
          .optional()
          .openapi({ description: "Id of the last event that was seen." }),
      }),
    },
    responses: {
      200: { description: "The events.", content: { "text/event-stream": { schema: z.string() } } },
      204: { description: "The transaction has ended, and there is nothing newer: do not come back." },
      ...problemsOf(400, 404),
    },
  }),
  handler: (services) => async (c) => {
    const key = { tenant: c.get("identity").tenant, instance_id: c.req.valid("param").id }
    const after = c.req.valid("header")["last-event-id"] ?? 0
    const standing = await findStanding(services.pool, key)
    if (standing === undefined) throw new ApiProblem("transaction_not_found")
    const isOver = standing.is_confirmed && isEndStatus(standing.status)
    if (isOver && (await listEvents(services.pool, { ...key, after, limit: 1 })).length === 0) {
      return c.body(null, 204)
    }
    const subscription = await services.events.subscribe(key)
    // Gone before there was a stream that could be cancelled.
    if (c.req.raw.signal.aborted) subscription.leave()
    const authorization = c.req.header("authorization")
    const stream = createEventStream(services, {
      ...key,
      after,
      subscription,
      assertAllowed: () => services.authenticate(authorization, scope),
    })
    const headers = {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      // Proxies that collect an answer before they pass it on.
      "x-accel-buffering": "no",
    }
    return c.body(stream, 200, headers)
  },
})
