import type { DbConnection } from "../../contract/connections.ts"
import type { OutboundGuard } from "../outbound/guard.ts"
import type { SecretStore } from "../secrets.ts"
import type { Database } from "./database.ts"
import { createMysql } from "./mysql/database.ts"
import { createPostgres } from "./postgres/database.ts"

const CREATE = { postgres: createPostgres, mysql: createMysql }

/** Throws `Misconfigured` when the settings cannot be used or a secret is missing. */
export function createDatabase(
  connection: DbConnection,
  guard: OutboundGuard,
  secrets: SecretStore,
): Database {
  return CREATE[connection.kind](connection, guard, secrets)
}
