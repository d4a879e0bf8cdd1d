import { createRoute, z } from "@hono/zod-openapi"
import type { MirrorStats } from "../../../store/mirror/writer.ts"
import { formatMetrics, type Metric, METRICS_TYPE } from "../../metrics-text.ts"
import { defineRoute } from "../../route.ts"

/** Asks nobody, so that it answers while Postgres is away, which is when the lag matters. */
export const getMetrics = defineRoute({
  scope: "public",
  contract: createRoute({
    method: "get",
    path: "/metrics",
    operationId: "get-metrics",
    tags: ["health"],
    summary: "This process in Prometheus' text format",
    description:
      "Figures of the process alone; those of a tenant's transactions are at `/api/v1/stats/metrics`, with a key.",
    responses: {
      200: { description: "The figures of now.", content: { "text/plain": { schema: z.string() } } },
    },
  }),
  handler: (services) => (c) =>
    c.text(formatMetrics(toMetrics(services.mirrorStats())), 200, { "content-type": METRICS_TYPE }),
})

function toMetrics({ lag_ms, pending, connected, written, dropped, refused }: MirrorStats): Metric[] {
  return [
    gauge(
      "holdfast_mirror_lag_seconds",
      "Age of the oldest mirror row that is not written yet.",
      lag_ms / 1000,
    ),
    gauge("holdfast_mirror_queue_rows", "Mirror rows that wait or are on the wire.", pending),
    gauge("holdfast_mirror_connected", "1 while the mirror writer has its connection.", connected ? 1 : 0),
    counter("holdfast_mirror_written_rows_total", "Mirror rows written.", written),
    counter("holdfast_mirror_dropped_rows_total", "Mirror rows that can never be stored.", dropped),
    counter("holdfast_mirror_refused_rows_total", "Mirror rows refused because too many waited.", refused),
  ]
}

function gauge(name: string, help: string, value: number): Metric {
  return { name, type: "gauge", help, samples: [{ value }] }
}

function counter(name: string, help: string, value: number): Metric {
  return { name, type: "counter", help, samples: [{ value }] }
}
