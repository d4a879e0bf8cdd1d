import type { Client } from "pg"
import { LOCK_CLASS_WRITER } from "../../advisory-locks.ts"

/** Makes the session's row in `mirror_writer` and takes its lock, which lives as long as the session. */
export async function registerWriter(client: Client): Promise<number> {
  // Others see the row once it is committed, and by then it is locked.
  await client.query("begin")
  const { rows } = await client.query<{ id: number }>(
    "insert into mirror_writer (application) values (current_setting('application_name')) returning id",
  )
  const id = rows[0]?.id
  if (id === undefined) throw new Error("the mirror writer got no registration row")
  await client.query("select pg_advisory_lock($1, $2)", [LOCK_CLASS_WRITER, id])
  await client.query("commit")
  return id
}

/** For a writer that ends with nothing left to write. */
export async function unregisterWriter(client: Client, id: number): Promise<void> {
  await client.query("delete from mirror_writer where id = $1", [id])
}
