/** The barrier's table in the database of a connection, reached as calls reach it. */
import type { Installed } from "../barrier/install.ts"
import { CONNECTION_KINDS_OF_TASK } from "../contract/connections.ts"
import { getConnection, type ConnectionSource } from "./connection-source.ts"
import { createDatabase } from "./db/create-database.ts"
import type { OutboundGuard } from "./outbound/guard.ts"
import { createSecretStore } from "./secrets.ts"

export interface BarrierPlace {
  connections: ConnectionSource
  secrets: (name: string) => string | undefined
  guard: OutboundGuard
}

/** Throws `Misconfigured` for a connection that cannot be used, and `barrier_missing` where its user may not create a table. */
export async function installBarrierAt(
  { connections, secrets, guard }: BarrierPlace,
  name: string,
): Promise<{ database: string; installed: Installed }> {
  const connection = getConnection(connections, name, CONNECTION_KINDS_OF_TASK.db)
  const database = createDatabase(connection, guard, createSecretStore(secrets))
  try {
    return { database: database.name, installed: await database.ensureBarrier() }
  } finally {
    await database.close()
  }
}
