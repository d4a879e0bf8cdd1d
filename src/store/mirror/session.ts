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
 * What a crash takes is written again (`recently-written.ts`), so a commit need not wait for the disk. The joins are
 * by primary key against a few rows: any plan but nested loops reads whole tables, and planning each time costs as much
 * as running. A dead network must give the writer's lock back.
 */
const SETTINGS = `
  set synchronous_commit = off;
  set jit = off;
  set plan_cache_mode = force_generic_plan;
  set enable_hashjoin = off;
  set enable_mergejoin = off;
  set enable_seqscan = off;
  set lock_timeout = '2s';
  set statement_timeout = '20s';
  ${SERVER_KEEP_ALIVE}
`

/** @param onLost called once, unless it is ended first. */
export async function openSession(pool: Pool, onLost: () => void): Promise<MirrorSession> {
  let lost = false
  let isEnding = false
  const client = await openConnection(pool, () => {
    if (!lost && !isEnding) onLost()
    lost = true
  })
  try {
    await client.query(SETTINGS)
    const writerId = await registerWriter(client)
    return {
      client,
      isLost: () => lost,
      async end(how) {
        isEnding = true
        if (how === "clean" && !lost) await unregisterWriter(client, writerId)
        await client.end()
      },
    }
  } catch (thrown) {
    await client.end().catch(() => {})
    throw thrown
  }
}
