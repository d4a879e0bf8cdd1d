import type { Pool } from "pg"

/** Changes the audit trail as somebody does who owns the database: with its triggers switched off. */
export async function tamper(pool: Pool, ...statements: string[]): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query("begin")
    for (const table of ["audit", "audit_head"])
      await client.query(`alter table ${table} disable trigger user`)
    for (const statement of statements) await client.query(statement)
    for (const table of ["audit", "audit_head"])
      await client.query(`alter table ${table} enable trigger user`)
    await client.query("commit")
  } finally {
    client.release()
  }
}
