import type { Pool } from "pg"

/** Those of the given rows of the audit trail that stand behind one from `since`, in milliseconds, or later. */
export async function listWrittenAfter(
  pool: Pool,
  { tenant, seqs, since }: { tenant: string; seqs: number[]; since: number },
): Promise<Set<number>> {
  const { rows } = await pool.query<{ seq: string }>({
    name: "list_written_after",
    text: `
      select seq from unnest($2::bigint[]) as given (seq)
      where exists (
        select from audit a
        where a.tenant_id = $1 and a.seq < given.seq and a.at >= to_timestamp($3::float8 / 1000)
      )`,
    values: [tenant, seqs, since],
  })
  return new Set(rows.map(({ seq }) => Number(seq)))
}
