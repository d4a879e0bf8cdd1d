/** The mirror and the audit trail against what Temporal has. */
import { Client, Connection } from "@temporalio/client"
import pg from "pg"
import { expect } from "vitest"
import { verifyChains } from "../../src/store/audit/verify-chains.ts"
import { checkAudit } from "../../src/worker/audit-check.ts"
import { PAYLOAD_CONVERTER_PATH } from "../../src/worker/bundle.ts"
import { checkMirror } from "../../src/worker/mirror-check.ts"
import { quietTemporal } from "../helpers/quiet-temporal.ts"
import type { TestTemporal } from "../helpers/temporal.ts"
import { until } from "../helpers/until.ts"

export interface RecordsPlace {
  databaseUrl: string
  temporal: TestTemporal
}

export interface Records {
  client: Client
  pool: pg.Pool
}

export async function withRecords<Found>(
  { databaseUrl, temporal }: RecordsPlace,
  look: (records: Records) => Promise<Found>,
): Promise<Found> {
  const connection = await Connection.connect({ address: temporal.address })
  const pool = new pg.Pool({ connectionString: databaseUrl })
  try {
    const client = new Client({
      connection,
      namespace: temporal.namespace,
      dataConverter: { payloadConverterPath: PAYLOAD_CONVERTER_PATH },
    })
    return await look({ client, pool })
  } finally {
    await pool.end()
    await connection.close()
  }
}

/**
 * Every transaction was started, the mirror says of each what Temporal says, the chain of the audit trail holds, and
 * every decision has one record. A process that works must run.
 * @returns the rows of the audit trail.
 */
export async function checkRecords(
  { client, pool }: Records,
  { transactions, withinMs }: { transactions: number; withinMs: number },
): Promise<number> {
  const mirror = await until(
    () => checkMirror({ pool, client }),
    ({ differences }) => differences.length === 0,
    { timeoutMs: withinMs, everyMs: 250 },
  )
  // What Temporal does not have is compared with nothing.
  expect(mirror).toEqual({ checked: transactions, expired: 0, differences: [] })
  const { rows: unsent } = await pool.query("select instance_id from txn where dispatched_at is null")
  expect(unsent, "never given to Temporal").toEqual([])

  const chains = await verifyChains(pool)
  expect(chains).toEqual([
    { tenant: "default", rows: expect.any(Number), head: expect.anything(), broken: null },
  ])
  quietTemporal()
  const audit = await checkAudit({ pool, client })
  expect(audit).toEqual({ checked: transactions, expired: 0, differences: [], unchecked: [], failed: [] })
  const { rows: twice } = await pool.query(
    `select instance_id, update_id from audit where update_id is not null
     group by instance_id, update_id having count(*) > 1`,
  )
  expect(twice, "decisions with more than one record").toEqual([])
  return chains[0]?.rows ?? 0
}
