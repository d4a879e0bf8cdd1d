import { createHash } from "node:crypto"
import { BARRIER_TABLE } from "../contract/sql.ts"
import type { BarrierKey, BarrierStatements } from "./enter.ts"
import { isDuplicateKey } from "./mysql-errors.ts"

export const mysqlStatements: BarrierStatements = {
  /** Plainly, since INSERT IGNORE would turn other errors into warnings too. */
  insert(key, state, result) {
    const { txn, task, generation, fingerprint } = key
    const done = state === "APPLIED"
    const more = [...(done ? [fingerprint] : []), ...(result === undefined ? [] : [result])]
    const columns = `id, txn, task, generation, state, ${done ? "applied_at, fingerprint" : "closed_at"}`
    return {
      text: `insert into ${BARRIER_TABLE} (${columns}${result === undefined ? "" : ", result"})
             values (?, ?, ?, ?, '${state}', now(6)${", ?".repeat(more.length)})`,
      values: [idOf(key), txn, task, generation, ...more],
    }
  },
  find: (key, hold) => ({
    text: `select state, fingerprint, result, comp_result from ${BARRIER_TABLE} where id = ? ${hold === "share" ? "lock in share mode" : "for update"}`,
    values: [idOf(key)],
  }),
  storeResult: (key, result) => ({
    text: `update ${BARRIER_TABLE} set result = ? where id = ?`,
    values: [result, idOf(key)],
  }),
  close: (key, result) => ({
    text: `update ${BARRIER_TABLE} set state = 'COMPENSATED', comp_result = ?, closed_at = now(6) where id = ?`,
    values: [result, idOf(key)],
  }),
  isDuplicate: isDuplicateKey,
}

/** Of one length and compared by bytes, whatever the names' letters, lengths and collations are. */
function idOf({ txn, task, generation }: BarrierKey): string {
  return createHash("sha256")
    .update(JSON.stringify([txn, task, generation]))
    .digest("hex")
}
