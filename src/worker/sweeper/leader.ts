import type { Client, Pool } from "pg"
import { LOCK_CLASS, LOCK_SWEEPER } from "../../store/advisory-locks.ts"
import { openConnection } from "../../store/pool.ts"

/** Of all sweepers on one database the one that holds the lock. The lock ends with its connection. */
export interface Leadership {
  isHeld(): boolean
  /** Tries once. @returns whether it is held now. @throws Error when Postgres cannot be reached. */
  seek(): Promise<boolean>
  release(): Promise<void>
}

export function createLeadership(pool: Pool): Leadership {
  let held: Client | undefined
  const release = async () => {
    const client = held
    held = undefined
    await client?.end()
  }
  return {
    isHeld: () => held !== undefined,
    async seek() {
      if (held) return true
      const session: { client?: Client; isLost: boolean } = { isLost: false }
      session.client = await openConnection(pool, () => {
        session.isLost = true
        if (held === session.client) held = undefined
      })
      const { rows } = await session.client.query<{ got: boolean }>(
        "select pg_try_advisory_lock($1, $2) as got",
        [LOCK_CLASS, LOCK_SWEEPER],
      )
      if (rows[0]?.got === true && !session.isLost) held = session.client
      else await session.client.end()
      return held !== undefined
    },
    release,
  }
}
