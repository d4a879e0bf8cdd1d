import { BARRIER_TABLE } from "../../contract/sql.ts"
import type { BarrierRow, BarrierRows } from "./enter.ts"

const SAME_KEY = "txn = $1 and task = $2 and generation = $3"

export const postgresBarrier: BarrierRows = {
  async insert(run, { txn, task, generation, fingerprint }, state) {
    const at = state === "APPLIED" ? "applied_at" : "closed_at"
    const inserted = await run(
      `insert into ${BARRIER_TABLE} (txn, task, generation, state, fingerprint, ${at})
       values ($1, $2, $3, $4, $5, now()) on conflict do nothing`,
      [txn, task, generation, state, state === "APPLIED" ? fingerprint : null],
    )
    return inserted.count === 1
  },
  async find(run, { txn, task, generation }, hold) {
    const { rows } = await run(
      `select state, fingerprint, result::text as result, comp_result::text as comp_result
       from ${BARRIER_TABLE} where ${SAME_KEY} for ${hold}`,
      [txn, task, generation],
    )
    // The columns of the select.
    return rows[0] as BarrierRow | undefined
  },
  async storeResult(run, { txn, task, generation }, result) {
    await run(`update ${BARRIER_TABLE} set result = $4 where ${SAME_KEY}`, [txn, task, generation, result])
  },
  async close(run, { txn, task, generation }, result) {
    await run(
      `update ${BARRIER_TABLE} set state = 'COMPENSATED', comp_result = $4, closed_at = now() where ${SAME_KEY}`,
      [txn, task, generation, result],
    )
  },
}
