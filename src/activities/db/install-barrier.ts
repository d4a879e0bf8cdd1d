import { BarrierError } from "../../barrier/barrier-error.ts"
import { installBarrier, type Installed } from "../../barrier/install.ts"
import type { SqlDialect } from "../../contract/sql.ts"
import { Misconfigured } from "../call.ts"
import type { Database } from "./database.ts"

/** `ensureBarrier` of a database: one attempt for all who ask meanwhile, and none any more after one that succeeded. */
export function createBarrierInstall(dialect: SqlDialect, open: Database["open"]): Database["ensureBarrier"] {
  let installed: Promise<Installed> | undefined
  return () => {
    installed ??= install(dialect, open).catch((thrown: unknown) => {
      installed = undefined
      throw thrown
    })
    return installed
  }
}

async function install(dialect: SqlDialect, open: Database["open"]): Promise<Installed> {
  const session = await open()
  try {
    const installed = await installBarrier(dialect, session.run)
    session.release()
    return installed
  } catch (thrown) {
    session.discard()
    if (!(thrown instanceof BarrierError)) throw thrown
    throw new Misconfigured(thrown.code, thrown.message, { cause: thrown })
  }
}
