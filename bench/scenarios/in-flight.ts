/** 1,000 calls open at once in one worker process, and small transactions that still get through. */
import { randomUUID } from "node:crypto"
import { request } from "undici"
import { until } from "../../test/helpers/until.ts"
import { callApi, startTransaction } from "../api-client.ts"
import { toSpread } from "../statistics.ts"
import { CONNECTION, toFlow, WORKLOADS } from "../workloads.ts"
import { countStatus, type Finding, type Scenario, seconds, startMany, type World } from "./scenario.ts"

const TRANSACTIONS = 20
const TASKS_EACH = 50
const CALLS = TRANSACTIONS * TASKS_EACH
const SMALL = 20
const PATIENCE = { timeoutMs: 240_000 }

const SLOW_FLOW = {
  name: "slow",
  tasks: Array.from({ length: TASKS_EACH }, (_, at) => ({
    id: `t${at}`,
    task_name: "http",
    effect: "keyed",
    timeout: { attempt: "10m" },
    config: { connection: CONNECTION, url: `/held/t${at}`, body: {} },
  })),
}

export const inFlight: Scenario = {
  title: `${CALLS} tasks in flight at once in one worker process`,
  async run({ stage, apiUrl, pool }) {
    await callApi(apiUrl, "/flows", { body: { definition: SLOW_FLOW } })
    await callApi(apiUrl, "/flows", { body: { definition: toFlow(WORKLOADS.W1) } })
    const idle = await timeSmall(apiUrl, pool)

    const began = performance.now()
    await startMany(apiUrl, SLOW_FLOW.name, TRANSACTIONS)
    const held = () =>
      request(`${stage.targetUrl}/held`).then(({ body }) => body.json() as Promise<{ held: number }>)
    await until(held, (answer) => answer.held === CALLS, PATIENCE)
    const allOpen = seconds(began)
    const busy = await timeSmall(apiUrl, pool)

    const released = performance.now()
    await request(`${stage.targetUrl}/release`, { method: "POST" })
    await until(
      () => countStatus(pool, "success"),
      (count) => count === TRANSACTIONS + 2 * SMALL,
      PATIENCE,
    )
    const allEnded = seconds(released)
    const { rows } = await pool.query<{ count: number }>("select count(*)::integer as count from txn_attempt")
    return [
      { what: `until all ${CALLS} calls of ${TRANSACTIONS} transactions were open`, measured: allOpen },
      { what: "until all had ended once the target answered", measured: allEnded },
      { what: "attempts logged", measured: String((rows[0]?.count ?? 0) - 3 * 2 * SMALL) },
      {
        what: "three tasks in a row, nothing else running: from start to success in the mirror",
        measured: idle,
      },
      { what: `the same while ${CALLS} calls were open`, measured: busy },
    ] satisfies Finding[]
  },
}

/** Milliseconds that small transactions took, one after the other. */
async function timeSmall(apiUrl: string, pool: World["pool"]): Promise<string> {
  const took: number[] = []
  for (let turn = 0; turn < SMALL; turn++) {
    const instance_id = randomUUID()
    const began = performance.now()
    await startTransaction(apiUrl, { instance_id, flow_id: "w1", params: {} })
    const find = () =>
      pool.query("select from txn where instance_id = $1 and status = 'success'", [instance_id])
    await until(find, ({ rowCount }) => rowCount === 1, { everyMs: 5 })
    took.push(performance.now() - began)
  }
  const { median, max } = toSpread(took)
  return `median ${median.toFixed(0)} ms, longest ${max.toFixed(0)} ms of ${SMALL}`
}
