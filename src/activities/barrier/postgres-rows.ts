import { BARRIER_TABLE } from "../../contract/sql.ts"
import type { BarrierRow, BarrierRows } from "./enter.ts"

const SAME_KEY = "txn = $1 and task = $2 and generation = $3"

export const postgresBarrier: BarrierRows = {
  async insert(run, { txn, task, generation, fingerprint }) {
    const inserted = await run(
      `insert into ${BARRIER_TABLE} (txn, task, generation, state, fingerprint, applied_at)
       values ($1, $2, $3, 'APPLIED', $4, now()) on conflict do nothing`,
      [txn, task, generation, fingerprint],
    )
    return inserted.count === 1
  },
  async find(run, { txn, task, generation }) {
    const { rows } = await run(
      `select state, fingerprint, result::text as result from ${BARRIER_TABLE} where ${SAME_KEY} for share`,
      [txn, task, generation],
    )
    // The columns of the select.
    return rows[0] as BarrierRow | undefined
  },
  async storeResult(run, { txn, task, generation }, result) {
    await run(`update ${BARRIER_TABLE} set result = $4 where ${SAME_KEY}`, [txn, task, generation, result])
  },
}
