import { createRoute, z } from "@hono/zod-openapi"
import { isEndStatus, TRANSACTION_STATUSES, EXCEPTION_KINDS } from "../../../contract/statuses.ts"
import { type OpenFigures, readOpenFigures } from "../../../store/queries/read-open-figures.ts"
import { formatMetrics, type Metric, METRICS_TYPE } from "../../metrics-text.ts"
import { defineRoute } from "../../route.ts"

const OPEN_STATUSES = TRANSACTION_STATUSES.filter((status) => !isEndStatus(status))

export const tenantMetricsRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/stats/metrics",
    operationId: "get-tenant-metrics",
    tags: ["statistics"],
    summary: "What is open, in Prometheus' text format",
    request: { query: z.strictObject({}) },
    responses: {
      200: { description: "The figures of now.", content: { "text/plain": { schema: z.string() } } },
    },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const figures = await readOpenFigures(services.pool, tenant)
    return c.text(formatMetrics(toMetrics(tenant, figures)), 200, { "content-type": METRICS_TYPE })
  },
})

/** Every status and kind has a sample, so that a figure that falls to none says 0 and does not vanish. */
function toMetrics(tenant: string, { transactions, exceptions, undispatched }: OpenFigures): Metric[] {
  return [
    {
      name: "holdfast_open_transactions",
      type: "gauge",
      help: "Transactions that have not ended, by status.",
      samples: OPEN_STATUSES.map((status) => ({
        labels: { tenant, status },
        value: transactions.get(status) ?? 0,
      })),
    },
    {
      name: "holdfast_open_exceptions",
      type: "gauge",
      help: "Exceptions that wait for a person, by kind.",
      samples: EXCEPTION_KINDS.map((kind) => ({
        labels: { tenant, kind },
        value: exceptions.get(kind) ?? 0,
      })),
    },
    {
      name: "holdfast_dispatch_backlog",
      type: "gauge",
      help: "Transactions that were accepted and are not in Temporal yet.",
      samples: [{ labels: { tenant }, value: undispatched }],
    },
  ]
}
