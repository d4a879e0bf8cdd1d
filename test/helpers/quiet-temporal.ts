import { DefaultLogger, makeTelemetryFilterString, Runtime } from "@temporalio/worker"

let isQuiet = false

/** Before the first worker of a file: tests make calls and workflow tasks fail on purpose, and the SDK logs each. */
export function quietTemporal(): void {
  if (isQuiet) return
  isQuiet = true
  Runtime.install({
    logger: new DefaultLogger("ERROR"),
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: "ERROR", other: "ERROR" }), forward: {} },
    },
  })
}
