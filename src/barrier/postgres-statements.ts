import { BARRIER_TABLE } from "../contract/sql.ts"
import type { BarrierStatements } from "./enter.ts"

const SAME_KEY = "txn = $1 and task = $2 and generation = $3"

export const postgresStatements: BarrierStatements = {
  insert({ txn, task, generation, fingerprint }, state, result) {
    const done = state === "APPLIED"
    const more = [...(done ? [fingerprint] : []), ...(result === undefined ? [] : [result])]
    const columns = `txn, task, generation, state, ${done ? "applied_at, fingerprint" : "closed_at"}`
    return {
      text: `insert into ${BARRIER_TABLE} (${columns}${result === undefined ? "" : ", result"})
             values ($1, $2, $3, '${state}', now()${more.map((_value, at) => `, $${at + 4}`).join("")})
             on conflict do nothing`,
      values: [txn, task, generation, ...more],
    }
  },
  find: ({ txn, task, generation }, hold) => ({
    text: `select state, fingerprint, result::text as result, comp_result::text as comp_result
           from ${BARRIER_TABLE} where ${SAME_KEY} for ${hold}`,
    values: [txn, task, generation],
  }),
  storeResult: ({ txn, task, generation }, result) => ({
    text: `update ${BARRIER_TABLE} set result = $4 where ${SAME_KEY}`,
    values: [txn, task, generation, result],
  }),
  close: ({ txn, task, generation }, result) => ({
    text: `update ${BARRIER_TABLE} set state = 'COMPENSATED', comp_result = $4, closed_at = now() where ${SAME_KEY}`,
    values: [txn, task, generation, result],
  }),
  isDuplicate: () => false,
}
