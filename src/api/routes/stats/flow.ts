import { createRoute, z } from "@hono/zod-openapi"
import { readFlowStatistics } from "../../../store/queries/read-flow-statistics.ts"
import { problemsOf, success, successOf } from "../../envelope.ts"
import { getFlow } from "../../publish-flow.ts"
import { defineRoute } from "../../route.ts"
import { successRate, SuccessRate } from "../../success-rate.ts"
import { FlowReference } from "../../texts.ts"

const seconds = z.number().nullable()

const FlowStatistics = z
  .object({
    flow_id: z.string(),
    flow_name: z.string(),
    total_runs: z.int(),
    running_count: z.int().openapi({ description: "Accepted, running or compensating." }),
    blocked_count: z.int(),
    success_count: z.int(),
    failed_count: z.int(),
    ended_count: z.int(),
    success_rate: SuccessRate,
    avg_duration: seconds.openapi({ description: "Seconds from the acceptance to the end." }),
    p50: seconds,
    p95: seconds,
    last_run_at: z.iso.datetime().nullable(),
  })
  .openapi("FlowStatistics")

export const flowStatisticsRoute = defineRoute({
  scope: "transactions:read",
  contract: createRoute({
    method: "get",
    path: "/api/v1/stats/flows/{id}",
    operationId: "get-flow-statistics",
    tags: ["statistics"],
    summary: "Count the runs of a flow, over all its versions",
    request: { params: z.object({ id: FlowReference }) },
    responses: { 200: successOf("The figures of now.", FlowStatistics), ...problemsOf(404) },
  }),
  handler: (services) => async (c) => {
    const { tenant } = c.get("identity")
    const flow = await getFlow(services, { tenant, flow: c.req.valid("param").id })
    const figures = await readFlowStatistics(services.pool, { tenant, flow_id: flow.id })
    const named = { flow_id: flow.id, flow_name: flow.name }
    return c.json(success({ ...named, ...figures, success_rate: successRate(figures) }), 200)
  },
})
