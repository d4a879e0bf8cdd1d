import type { Queryable } from "./queryable.ts"

/** Deletes bulk jobs that ended, or were never started, longer ago than that. @returns how many. */
export async function purgeBulkJobs(db: Queryable, olderThanMs: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from bulk_job
     where coalesce(ended_at, case when state = 'preview' then created_at end) < now() - $1 * interval '1 ms'`,
    [olderThanMs],
  )
  return rowCount ?? 0
}
