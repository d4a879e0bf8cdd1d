import { createHash } from "node:crypto"
import { BARRIER_TABLE } from "../../contract/sql.ts"
import { isDuplicateKey } from "../db/mysql/classify.ts"
import type { BarrierKey, BarrierRow, BarrierRows } from "./enter.ts"

export const mysqlBarrier: BarrierRows = {
  /**
   * Plainly, since INSERT IGNORE would turn other errors into warnings too. After an error nothing may be committed,
   * and a snapshot may be older than the row: so the transaction ends here.
   */
  async insert(run, key, state) {
    const { txn, task, generation, fingerprint } = key
    const at = state === "APPLIED" ? "applied_at" : "closed_at"
    try {
      await run(
        `insert into ${BARRIER_TABLE} (id, txn, task, generation, state, fingerprint, ${at})
         values (?, ?, ?, ?, ?, ?, now(6))`,
        [idOf(key), txn, task, generation, state, state === "APPLIED" ? fingerprint : null],
      )
      return true
    } catch (thrown) {
      if (!isDuplicateKey(thrown)) throw thrown
      await run("rollback")
      return false
    }
  },
  async find(run, key, hold) {
    const lock = hold === "share" ? "lock in share mode" : "for update"
    const sql = `select state, fingerprint, result, comp_result from ${BARRIER_TABLE} where id = ? ${lock}`
    const { rows } = await run(sql, [idOf(key)])
    // The columns of the select.
    return rows[0] as BarrierRow | undefined
  },
  async storeResult(run, key, result) {
    await run(`update ${BARRIER_TABLE} set result = ? where id = ?`, [result, idOf(key)])
  },
  async close(run, key, result) {
    await run(
      `update ${BARRIER_TABLE} set state = 'COMPENSATED', comp_result = ?, closed_at = now(6) where id = ?`,
      [result, idOf(key)],
    )
  },
}

/** Of one length and compared by bytes, whatever the names' letters, lengths and collations are. */
function idOf({ txn, task, generation }: BarrierKey): string {
  return createHash("sha256")
    .update(JSON.stringify([txn, task, generation]))
    .digest("hex")
}
