import type { Pool } from "pg"

/** Smaller ones are read whole at the same cost as by any index. */
const WORTH_IT_BYTES = 64 * 1024

/**
 * Gathers statistics of our tables that grew and have none. Autovacuum does so a minute or two later; until then
 * Postgres plans for empty tables, and every index that begins with the tenant looks as good as the primary key:
 * each mirrored row then cost a walk over all transactions of its tenant.
 *
 * @returns their names.
 */
export async function analyzeNewTables(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>({
    name: "list_new_tables",
    text: `
      select format('%I', relname) as name from pg_class
      where relnamespace = current_schema()::regnamespace and relkind = 'r' and reltuples < 0
        and pg_relation_size(oid) > $1 and pg_has_role(relowner, 'usage')
      order by relname`,
    values: [WORTH_IT_BYTES],
  })
  const names = rows.map(({ name }) => name)
  for (const name of names) await pool.query(`analyze ${name}`)
  return names
}
