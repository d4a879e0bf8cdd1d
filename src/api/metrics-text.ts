/** Prometheus' text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/ */

export interface Metric {
  name: string
  /** Counters only grow while the process lives, and end in `_total`. */
  type: "gauge" | "counter"
  help: string
  samples: readonly Sample[]
}

interface Sample {
  labels?: Readonly<Record<string, string>>
  value: number
}

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics.flatMap(toLines).join("")
}

function toLines({ name, type, help, samples }: Metric): string[] {
  const text = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
  return [
    `# HELP ${name} ${text}\n`,
    `# TYPE ${name} ${type}\n`,
    ...samples.map(({ labels = {}, value }) => `${name}${toLabels(labels)} ${value}\n`),
  ]
}

function toLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escape(value)}"`)
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`
}

function escape(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')
}
