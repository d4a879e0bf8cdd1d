import { createRoute, z } from "@hono/zod-openapi"
import { TRANSACTION_STATUSES } from "../../../contract/statuses.ts"
import { countTransactions } from "../../../store/queries/count-transactions.ts"
import { listTransactions } from "../../../store/queries/list-transactions.ts"
import { success, successOf } from "../../envelope.ts"
import { listOf, pagingQuery, readPage } from "../../paging.ts"
import { defineRoute } from "../../route.ts"
import { FlowReference, text } from "../../texts.ts"
import { toTransactionSummary, TransactionSummary } from "../../transaction-view.ts"

const LabelText = text(400).regex(/^[A-Za-z0-9_.-]{1,63}:/, { error: "expected name:value" })
/** A query parameter that is given once is no list. */
const Label = z
  .union([LabelText, z.array(LabelText).max(20)])
  .transform((given) => [given].flat().map((one) => splitOnce(one)))
  .refine((labels) => new Set(labels.map(([name]) => name)).size === labels.length, {
    error: "expected each name once: a transaction has one value of a label",
  })

function splitOnce(label: string): [string, string] {
  const colon = label.indexOf(":")
  return [label.slice(0, colon), label.slice(colon + 1)]
}

export const listTransactionsRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/transactions",
    operationId: "list-transactions",
    tags: ["transactions"],
    summary: "List transactions, newest first",
    request: {
      query: z.strictObject({
        ...pagingQuery,
        status: z.enum(TRANSACTION_STATUSES).optional(),
        flow_id: FlowReference.optional(),
        business_key: text(1_000).optional(),
        label: Label.optional().openapi({ description: "name:value, repeated for several." }),
      }),
    },
    responses: { 200: successOf("One page.", listOf(TransactionSummary)) },
  }),
  handler: (services) => async (c) => {
    const query = c.req.valid("query")
    const filter = {
      tenant: c.get("identity").tenant,
      status: query.status ?? null,
      flow: query.flow_id ?? null,
      business_key: query.business_key ?? null,
      labels: query.label === undefined ? null : Object.fromEntries(query.label),
      instance_ids: null,
      open: null,
    }
    const { rows, ...page } = await readPage(query, {
      list: (slice) => listTransactions(services.pool, filter, slice),
      count: () => countTransactions(services.pool, filter),
      placeOf: (row) => ({ at: row.created_us, id: row.instance_id }),
      placeId: /^\P{Cc}{1,256}$/u,
    })
    return c.json(success({ list: rows.map(toTransactionSummary), ...page }), 200)
  },
})
