import { createRoute, z } from "@hono/zod-openapi"
import { TRANSACTION_STATUSES } from "../../../contract/statuses.ts"
import { DurationError, parseDuration } from "../../../contract/duration.ts"
import { acceptTransaction } from "../../accept-transaction.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { REPLAYED } from "../../idempotency.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference, InstanceId } from "../../texts.ts"
import { Transaction, viewTransaction } from "../../transaction-view.ts"
import { waitForEnd } from "../../wait-for-end.ts"

const StartBody = z
  .strictObject({
    instance_id: InstanceId,
    flow_id: FlowReference.openapi({ description: "Id or name of the flow." }),
    params: z.record(z.string(), z.unknown()).default({}),
  })
  .openapi("StartTransaction", {
    example: { instance_id: "order_001", flow_id: "order", params: { order_id: "order_001", amount: 99 } },
  })

/** Longer than that, a proxy on the way gives up first: follow `/transactions/{id}/events` then. */
const LONGEST_WAIT_MS = 60_000

const Wait = z
  .string()
  .transform((written, context) => {
    const waitMs = readDurationMs(written)
    if (waitMs !== undefined && waitMs > 0 && waitMs <= LONGEST_WAIT_MS) return waitMs
    context.addIssue({ code: "custom", message: "expected a duration from 1ms to 60s, such as 10s or 500ms" })
    return z.NEVER
  })
  .openapi({ type: "string", example: "10s", description: "Wait for the end, 60s at most." })

function readDurationMs(written: string): number | undefined {
  try {
    return parseDuration(written)
  } catch (error) {
    if (error instanceof DurationError) return undefined
    throw error
  }
}

/** What a transaction is answered with that was just accepted, or was before. */
export const Started = z.object({
  instance_id: z.string(),
  flow_id: z.string(),
  status: z.enum(TRANSACTION_STATUSES),
  created_at: z.iso.datetime(),
})

export const startTransactionRoute = defineRoute({
  scope: "transactions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/transactions",
    operationId: "start-transaction",
    tags: ["transactions"],
    summary: "Start a transaction",
    description:
      "One `instance_id`, one transaction: a repeat of the same request answers 200 with what is there. Where the flow wants every `business_key` once (`on_duplicate`), one that is taken answers 409 `business_key_taken`, or 200 with the transaction that has it. Accepted even while Temporal is away: it runs when Temporal is back. With `wait` the answer comes when the transaction has ended, or the time is over, and is the transaction as `GET` answers it: `status` says which it was.",
    request: {
      query: z.strictObject({ wait: Wait.optional() }),
      body: { required: true, content: { "application/json": { schema: StartBody } } },
    },
    responses: {
      200: successOf("This request was accepted before.", z.union([Transaction, Started])),
      201: successOf("Accepted.", z.union([Transaction, Started])),
      ...problemsOf(404, 409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const accepted = await acceptTransaction(services, {
      identity: c.get("identity"),
      ...c.req.valid("json"),
    })
    const { created, instance_id, flow_id, status, created_at } = accepted
    const location = `/api/v1/transactions/${encodeURIComponent(instance_id)}`
    const answer = success({ instance_id, flow_id, status, created_at })
    return created ? c.json(answer, 201, { location }) : c.json(answer, 200, { location, ...REPLAYED })
  },
  finish: (services) => async (c, answer) => {
    const waitMs = Wait.optional().parse(c.req.query("wait"))
    if (waitMs === undefined) return answer
    // Of the transaction that holds the business key, where that is another one. Every answer of this route has it.
    const { data } = (await answer.clone().json()) as { data: z.output<typeof Started> }
    const key = { tenant: c.get("identity").tenant, instance_id: data.instance_id }
    await waitForEnd(services, { ...key, waitMs, signal: c.req.raw.signal })
    const transaction = await viewTransaction(services, { ...key, source: "mirror" })
    return new Response(JSON.stringify(success(transaction)), answer)
  },
})
