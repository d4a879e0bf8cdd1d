import { createPool } from "../../src/store/pool.ts"
import type { Options, ScenarioName } from "../options.ts"
import { openStage, startProduct } from "../stage.ts"
import { barrierOfFlows } from "./barrier-flow.ts"
import { barrierOverhead } from "./barrier.ts"
import { inFlight } from "./in-flight.ts"
import { largeFlow } from "./large-flow.ts"
import { parked } from "./parked.ts"
import type { Finding, Scenario } from "./scenario.ts"

const SCENARIOS: Record<ScenarioName, Scenario> = {
  "in-flight": inFlight,
  "large-flow": largeFlow,
  parked,
  barrier: barrierOverhead,
  "barrier-flow": barrierOfFlows,
}

export async function runScenario(
  name: ScenarioName,
  options: Options,
): Promise<{ title: string; findings: Finding[] }> {
  const scenario = SCENARIOS[name]
  const { title } = scenario
  console.error(`scenario: ${title}`)
  if ("runAlone" in scenario) return { title, findings: await scenario.runAlone(options) }
  const stage = await openStage()
  try {
    const product = await startProduct(stage)
    const pool = createPool({ url: product.databaseUrl, max: 2, application_name: "bench" })
    stage.stops.add("the benchmark's own connections", () => pool.end())
    return { title, findings: await scenario.run({ stage, product, apiUrl: product.apiUrl, pool, options }) }
  } finally {
    await stage.stops.stop()
  }
}
