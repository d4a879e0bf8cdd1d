import type { Client, Pool } from "pg"
import { openConnection, SERVER_KEEP_ALIVE } from "../pool.ts"
import { registerWriter, unregisterWriter } from "./queries/register-writer.ts"

/** A writer's own connection. Its advisory lock tells the sweeper that the writer lives. */
export interface MirrorSession {
  client: Client
  isLost(): boolean
  /** Ends it for good; `clean` when nothing is left to write, else the sweeper is to look what was lost. */
  end(how: "clean" | "dirty"): Promise<void>
}

/**
 * A commit waits for the disk, whatever the server's default: a run tells each row once, so what an answer did not
 * mean would stay lost where the run goes on. The joins are by primary key against a few rows: any plan but nested
 * loops reads whole tables, and planning each time costs as much as running. A dead network must give the writer's
 * lock back.
 */
const SETTINGS = `
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off';
  set jit = off;
  set plan_cache_mode = force_generic_plan;
  set enable_hashjoin = off;
  set enable_mergejoin = off;
  set enable_seqscan = off;
  set lock_timeout = '2s';
  set statement_timeout = '20s';
  ${SERVER_KEEP_ALIVE}
`

export async function openSession(pool: Pool): Promise<MirrorSession> {
  let lost = false
  const client = await openConnection(pool, () => {
    lost = true
  })
  try {
    await client.query(SETTINGS)
    const writerId = await registerWriter(client)
    return {
      client,
      isLost: () => lost,
      async end(how) {
        if (how === "clean" && !lost) await unregisterWriter(client, writerId)
        await client.end()
      },
    }
  } catch (thrown) {
    await client.end().catch(() => {})
    throw thrown
  }
}
