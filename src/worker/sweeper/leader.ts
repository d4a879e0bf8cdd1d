import type { Client, Pool } from "pg"
import { LOCK_CLASS, LOCK_SWEEPER } from "../../store/advisory-locks.ts"
import { endConnection, openConnection, SERVER_KEEP_ALIVE } from "../../store/pool.ts"

/** Of all sweepers on one database the one that holds the lock. The lock ends with its connection. */
export interface Leadership {
  isHeld(): boolean
  /**
   * Tries once, or asks the connection that holds it whether it still answers. @returns whether it is held now.
   * @throws Error when Postgres cannot be reached, or does not answer: then it is given up.
   */
  seek(): Promise<boolean>
  release(): Promise<void>
}

/** A network that died says nothing, and whoever waits for it leads nobody. */
const PATIENCE_MS = 5_000

export function createLeadership(pool: Pool, patienceMs: number = PATIENCE_MS): Leadership {
  let held: Client | undefined
  // The types do not know that one query may have a deadline of its own.
  const bound = (text: string, values: unknown[] = []) => ({ text, values, query_timeout: patienceMs })
  const release = async () => {
    const client = held
    held = undefined
    if (client) await endConnection(client)
  }
  const take = async (): Promise<void> => {
    const session: { client?: Client; isLost: boolean } = { isLost: false }
    const client = await openConnection(pool, () => {
      session.isLost = true
      if (held === session.client) held = undefined
    })
    session.client = client
    try {
      await client.query(bound(SERVER_KEEP_ALIVE))
      const lock = bound("select pg_try_advisory_lock($1, $2) as got", [LOCK_CLASS, LOCK_SWEEPER])
      const { rows } = await client.query<{ got: boolean }>(lock)
      if (rows[0]?.got === true && !session.isLost) held = client
    } finally {
      if (held !== client) await endConnection(client)
    }
  }
  const assertAlive = async (client: Client): Promise<void> => {
    try {
      await client.query(bound("select 1"))
    } catch (thrown) {
      await release()
      throw thrown
    }
  }
  return {
    isHeld: () => held !== undefined,
    async seek() {
      await (held ? assertAlive(held) : take())
      return held !== undefined
    },
    release,
  }
}
