import { createRoute, z } from "@hono/zod-openapi"
import { readOverviewStatistics } from "../../../store/queries/read-overview-statistics.ts"
import { success, successOf } from "../../envelope.ts"
import { defineRoute } from "../../route.ts"
import { successRate, SuccessRate } from "../../success-rate.ts"

const Overview = z
  .object({
    total_flows: z.int(),
    total_transactions: z.int(),
    transactions_today: z.int(),
    running_count: z.int().openapi({ description: "Accepted, running or compensating." }),
    blocked_count: z.int(),
    success_count: z.int(),
    failed_count: z.int(),
    ended_count: z.int(),
    success_rate: SuccessRate,
    avg_duration: z.number().nullable().openapi({ description: "Seconds from the acceptance to the end." }),
    exceptions_today: z.int(),
    open_exceptions: z.int(),
    unhandled_exceptions: z.int(),
  })
  .openapi("OverviewStatistics")

export const overviewStatisticsRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/stats/overview",
    operationId: "get-overview-statistics",
    tags: ["statistics"],
    summary: "Count transactions and exceptions",
    description: "Durations are in seconds; a day is one of UTC.",
    request: { query: z.strictObject({}) },
    responses: { 200: successOf("The figures of now.", Overview) },
  }),
  handler: (services) => async (c) => {
    const figures = await readOverviewStatistics(services.pool, c.get("identity").tenant)
    return c.json(success({ ...figures, success_rate: successRate(figures) }), 200)
  },
})
