import { createRoute, z } from "@hono/zod-openapi"
import { countRedos } from "../../../store/queries/count-redos.ts"
import { acceptTransaction } from "../../accept-transaction.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { REPLAYED } from "../../idempotency.ts"
import { ApiProblem } from "../../problem.ts"
import { defineRoute } from "../../route.ts"
import { InstanceId } from "../../texts.ts"
import { getTransaction } from "../../transaction-view.ts"
import { hasGivenUp } from "../../wait-for-end.ts"
import { Started } from "./start.ts"

/** Nothing of it goes on any more, and its work is not done. */
const REDOABLE = new Set(["failed", "compensated", "cancelled", "closed"])

const RedoBody = z
  .strictObject({
    instance_id: InstanceId.optional().openapi({
      description: "Of the new transaction. The old one's with .redo1, .redo2, … unless said.",
    }),
    params: z
      .record(z.string(), z.unknown())
      .optional()
      .openapi({ description: "In place of the old one's." }),
  })
  .openapi("RedoTransaction")

const Redone = Started.extend({ redo_of: z.string() })

export const redoTransactionRoute = defineRoute({
  scope: "transactions:write",
  idempotent: "whole",
  contract: createRoute({
    method: "post",
    path: "/api/v1/transactions/{id}/redo",
    operationId: "redo-transaction",
    tags: ["transactions"],
    summary: "Do a transaction again that ended without success",
    description:
      "A new transaction of the same flow, in its active version, linked by `redo_of` to the first one of its kind. The old one stays as it is. Once: as long as that one is open or successful, another is refused (409 `redone_already`). A `failed` one may also be retried, which keeps what was done.",
    request: {
      params: z.object({ id: InstanceId }),
      body: { required: false, content: { "application/json": { schema: RedoBody } } },
    },
    responses: {
      200: successOf("This request was accepted before.", Redone),
      201: successOf("Accepted.", Redone),
      ...problemsOf(404, 409, 422),
    },
  }),
  handler: (services) => async (c) => {
    const identity = c.get("identity")
    const body = c.req.valid("json")
    const key = { tenant: identity.tenant, instance_id: c.req.valid("param").id }
    // Before its row is read: an end that the mirror has may turn out to be none.
    const isOver = await hasGivenUp(services, key)
    const old = await getTransaction(services, key)
    // Always of the first one, so that all that do the same again are in each other's way.
    const redo_of = old.redo_of ?? old.instance_id
    if (!REDOABLE.has(old.status)) {
      throw new ApiProblem("not_redoable", {
        detail: `The transaction is ${old.status}: only one that ended without success is done again.`,
      })
    }
    if (!isOver) {
      throw new ApiProblem("not_redoable", {
        detail: `The transaction is ${old.status}, but Temporal has not closed it yet, as far as can be seen now: ask again in a moment.`,
      })
    }
    const accepted = await acceptTransaction(services, {
      identity,
      instance_id: body.instance_id ?? (await nextInstanceId(services, { tenant: identity.tenant, redo_of })),
      flow_id: old.flow_id,
      // What was accepted was an object.
      params: body.params ?? (old.params as Record<string, unknown>),
      redo_of,
    })
    const { created, instance_id, flow_id, status, created_at } = accepted
    const location = `/api/v1/transactions/${encodeURIComponent(instance_id)}`
    const answer = success({ instance_id, flow_id, status, created_at, redo_of })
    return created ? c.json(answer, 201, { location }) : c.json(answer, 200, { location, ...REPLAYED })
  },
})

async function nextInstanceId(
  { pool }: Parameters<typeof getTransaction>[0],
  { tenant, redo_of }: { tenant: string; redo_of: string },
): Promise<string> {
  const redos = await countRedos(pool, { tenant, instance_id: redo_of })
  const next = InstanceId.safeParse(`${redo_of}.redo${redos + 1}`)
  if (next.success) return next.data
  const detail = "the old one's id leaves no room for .redo1: say the new one's"
  throw new ApiProblem("request_invalid", {
    detail: `instance_id: ${detail}.`,
    errors: [{ pointer: "/instance_id", code: "required", detail }],
  })
}
