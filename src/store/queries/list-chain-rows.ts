import { z } from "zod"
import type { ChainRow } from "../audit/check-chain.ts"
import { bigint } from "./columns.ts"
import type { Queryable } from "./queryable.ts"

const text = z.string().nullable()
const Row = z.object({
  row_seq: bigint,
  hash: z.string(),
  tenant: text,
  seq: text,
  at: text,
  actor: text,
  roles: text,
  action: text,
  instance_id: text,
  subject: text,
  reason: text,
  attest: text,
  executed_externally: text,
  evidence: text,
  before: text,
  after: text,
  update_id: text,
  approvals: text,
  prev_hash: text,
})

/** Rows of a chain by `seq`, each column as the text that is hashed. */
export async function listChainRows(
  db: Queryable,
  { tenant, after, limit }: { tenant: string; after: number; limit: number },
): Promise<ChainRow[]> {
  const { rows } = await db.query(
    `select seq as row_seq, hash, tenant_id as tenant, seq::text as seq,
            to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
            actor, to_json(roles)::text as roles, action, instance_id, subject, reason, attest,
            executed_externally::text as executed_externally, evidence::text as evidence,
            before::text as before, after::text as after, update_id, approvals::text as approvals, prev_hash
     from audit
     where tenant_id = $1 and audit.seq > $2
     order by audit.seq
     limit $3`,
    [tenant, after, limit],
  )
  return z
    .array(Row)
    .parse(rows)
    .map(({ row_seq, hash, ...record }) => ({ seq: row_seq, hash, record }))
}
