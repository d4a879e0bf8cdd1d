/** The largest flow there may be, from its publication to its end, across a continue-as-new. */
import { until } from "../../test/helpers/until.ts"
import { callApi } from "../api-client.ts"
import { CONNECTION } from "../workloads.ts"
import { type Scenario, seconds, startMany } from "./scenario.ts"

const LAYERS = 20
const WIDTH = 99
const PATIENCE = { timeoutMs: 900_000, everyMs: 100 }

const task = (id: string, depends_on: string[]) => ({
  id,
  task_name: "http",
  depends_on,
  effect: "keyed",
  config: { connection: CONNECTION, url: `/do/${id}`, body: { task: id } },
})

/** 2,000 tasks: layers of 99 side by side, and one behind each that waits for all of them. */
const LARGE_FLOW = {
  name: "large",
  tasks: Array.from({ length: LAYERS }, (_, layer) => {
    const ids = Array.from({ length: WIDTH }, (_, at) => `l${layer}_${at}`)
    const before = layer === 0 ? [] : [`gate${layer - 1}`]
    return [...ids.map((id) => task(id, before)), task(`gate${layer}`, ids)]
  }).flat(),
}

interface Ended {
  chain: number
  tasks: number
}

export const largeFlow: Scenario = {
  title: `a flow of ${LARGE_FLOW.tasks.length} tasks, across a continue-as-new`,
  async run({ apiUrl, pool }) {
    const publishing = performance.now()
    await callApi(apiUrl, "/flows", { body: { definition: LARGE_FLOW } })
    const published = seconds(publishing)
    const began = performance.now()
    await startMany(apiUrl, LARGE_FLOW.name, 1)
    const find = async () => {
      const { rows } = await pool.query<Ended & { status: string }>(
        `select status, chain, (select count(*)::integer from txn_task where status = 'success') as tasks from txn`,
      )
      return rows[0]
    }
    const ended = await until(
      find,
      (row) => row !== undefined && row.status !== "pending" && row.status !== "running",
      PATIENCE,
    )
    const took = seconds(began)
    if (ended?.status !== "success" || ended.tasks !== LARGE_FLOW.tasks.length || ended.chain < 1)
      throw new Error(`expected success across a continue-as-new, got ${JSON.stringify(ended)}`)
    return [
      { what: "publish: validated, compiled, stored, answered", measured: published },
      { what: "from start to success in the mirror", measured: took },
      { what: "tasks that succeeded", measured: String(ended.tasks) },
      { what: "times it was continued as new", measured: String(ended.chain) },
    ]
  },
}
