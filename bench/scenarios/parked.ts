/** Many transactions that wait for a person: what they cost while they do, and how long all take to go on. */
import { until } from "../../test/helpers/until.ts"
import { callApi } from "../api-client.ts"
import { residentMiB } from "../processes.ts"
import { toFlow, WORKLOADS } from "../workloads.ts"
import { callAll, countStatus, type Scenario, seconds, startMany, type World } from "./scenario.ts"

const PATIENCE = { timeoutMs: 1_800_000, everyMs: 200 }

export const parked: Scenario = {
  title: "transactions that wait for a person",
  async run(world) {
    const { apiUrl, pool, options } = world
    const all = (status: string) =>
      until(
        () => countStatus(pool, status),
        (count) => count === options.parked,
        PATIENCE,
      )
    await callApi(apiUrl, "/flows", { body: { definition: toFlow(WORKLOADS.W5) } })
    const before = readMemory(world)
    const began = performance.now()
    const ids = await startMany(apiUrl, "w5", options.parked)
    await all("blocked")
    const parkedAfter = seconds(began)
    const during = readMemory(world)
    const waking = performance.now()
    await callAll(ids, (id) => callApi(apiUrl, `/transactions/${id}/retry`, { key: id }))
    await all("success")
    return [
      { what: `until ${options.parked} transactions were started and parked`, measured: parkedAfter },
      ...Object.entries(during).map(([process, mib]) => ({
        what: `memory of ${process} while all wait`,
        measured: `${mib.toFixed(0)} MiB, ${(mib - (before[process] ?? 0)).toFixed(0)} more than before`,
      })),
      { what: "from the first retry to the last success in the mirror", measured: seconds(waking) },
    ]
  },
}

function readMemory({ product, stage }: World): Record<string, number> {
  return {
    "Holdfast (API, worker, mirror)": residentMiB(product.pid),
    "Temporal (in memory)": residentMiB(stage.temporal.pid),
    Postgres: residentMiB(product.postgresPid),
  }
}
