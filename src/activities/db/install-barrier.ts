import { BarrierError } from "../../barrier/barrier-error.ts"
import { installBarrier, type Installed } from "../../barrier/install.ts"
import type { SqlDialect } from "../../contract/sql.ts"
import { abortable } from "../abortable.ts"
import { Misconfigured } from "../call.ts"
import type { Database, Session } from "./database.ts"

/** All who ask wait for one attempt, so that it must not take longer on a connection that says nothing any more. */
const PATIENCE_MS = 10_000

/** `ensureBarrier` of a database: one attempt for all who ask meanwhile, and none any more after one that succeeded. */
export function createBarrierInstall(
  dialect: SqlDialect,
  open: Database["open"],
  patienceMs = PATIENCE_MS,
): Database["ensureBarrier"] {
  let installed: Promise<Installed> | undefined
  return () => {
    installed ??= installWithin(patienceMs, dialect, open).catch((thrown: unknown) => {
      installed = undefined
      throw thrown
    })
    return installed
  }
}

async function installWithin(
  patienceMs: number,
  dialect: SqlDialect,
  open: Database["open"],
): Promise<Installed> {
  const patience = new AbortController()
  const late = new Error(`the barrier's table could not be looked for within ${patienceMs} ms`)
  const timer = setTimeout(() => patience.abort(late), patienceMs)
  try {
    return await install(dialect, await acquire(open, patience.signal), patience.signal)
  } finally {
    clearTimeout(timer)
  }
}

async function acquire(open: Database["open"], signal: AbortSignal): Promise<Session> {
  const opening = open()
  try {
    return await abortable(opening, signal)
  } catch (thrown) {
    // It may still come, for nobody.
    opening.then(
      (session) => session.release(),
      () => undefined,
    )
    throw thrown
  }
}

async function install(dialect: SqlDialect, session: Session, signal: AbortSignal): Promise<Installed> {
  try {
    const installed = await abortable(installBarrier(dialect, session.run), signal)
    session.release()
    return installed
  } catch (thrown) {
    // Never rejects. Where it finds what runs, that waits on the server no longer either.
    if (signal.aborted) void session.cancel()
    session.discard()
    if (!(thrown instanceof BarrierError)) throw thrown
    throw new Misconfigured(thrown.code, thrown.message, { cause: thrown })
  }
}
