import { describe, expect, test } from "vitest"
import { formatMetrics } from "./metrics-text.ts"

describe("formatMetrics()", () => {
  test("writes each metric with its help, its type and a line for each sample", () => {
    const text = formatMetrics([
      { name: "lag_seconds", type: "gauge", help: "How late.", samples: [{ value: 0.25 }] },
      {
        name: "open",
        type: "gauge",
        help: "By status.",
        samples: [
          { labels: { status: "running", tenant: "a" }, value: 2 },
          { labels: { status: "blocked" }, value: 0 },
        ],
      },
      { name: "written_total", type: "counter", help: "Rows.", samples: [] },
    ])
    expect(text).toBe(`# HELP lag_seconds How late.
# TYPE lag_seconds gauge
lag_seconds 0.25
# HELP open By status.
# TYPE open gauge
open{status="running",tenant="a"} 2
open{status="blocked"} 0
# HELP written_total Rows.
# TYPE written_total counter
`)
  })

  test("lets no text end its line or its quotes", () => {
    const text = formatMetrics([
      { name: "odd", type: "gauge", help: "a\\b\nc", samples: [{ labels: { x: 'a"b\\c\nd' }, value: 1 }] },
    ])
    expect(text).toBe(String.raw`# HELP odd a\\b\nc
# TYPE odd gauge
odd{x="a\"b\\c\nd"} 1
`)
  })
})
