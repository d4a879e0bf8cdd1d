import { createRoute, z } from "@hono/zod-openapi"
import { countLog } from "../../../store/queries/count-log.ts"
import { listLog } from "../../../store/queries/list-log.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { toTaskId } from "../../task-view.ts"
import { InstanceId } from "../../texts.ts"
import { getTransactionPrivacy } from "../../transaction-view.ts"

const LogLine = z
  .object({
    id: z.string(),
    task_id: z.string().nullable().openapi({ example: "order_001_pay" }),
    task: z.string().nullable().openapi({ description: "The task's id; null for the transaction itself." }),
    action: z.string().openapi({
      description: "accept, start, attempt, retry, exception, handle, a decision, or how it ended.",
    }),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
    created_at: z.iso.datetime(),
  })
  .openapi("LogLine")

export const listLogRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/transactions/{id}/logs",
    operationId: "list-log",
    tags: ["transactions"],
    summary: "List what happened in a transaction, oldest first",
    request: { params: z.object({ id: InstanceId }), query: z.strictObject(pagingQuery) },
    responses: { 200: successOf("One page.", listOf(LogLine)), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const key = { tenant: c.get("identity").tenant, instance_id: c.req.valid("param").id }
    const { hide } = await getTransactionPrivacy(services, key)
    const { rows, ...page } = await readPage(c.req.valid("query"), {
      list: (slice) => listLog(services.pool, key, slice),
      count: () => countLog(services.pool, key),
      placeOf: ({ created_us, id }) => ({ at: created_us, id }),
      placeId: /^[0-9]\P{Cc}{0,199}$/u,
    })
    const list = rows.map(({ path, created_us: _position, ...line }) => ({
      ...line,
      message: hide(line.message),
      details: hide(line.details),
      task: path === "" ? null : path,
      task_id: path === "" ? null : toTaskId(key.instance_id, path),
    }))
    return c.json(success({ list, ...page }), 200)
  },
})
