/**
 * A tenant's connections and secrets, as its activities see them: those of the files, which belong to the default
 * tenant and win, and those of Postgres, read again when they are older than two seconds. While Postgres is away
 * what was read last stays in use, and what nothing is known of is not said to be missing.
 */
import type { Pool } from "pg"
import type { Connection } from "../contract/connections.ts"
import { toError } from "../contract/errors.ts"
import { DEFAULT_TENANT } from "../contract/messages.ts"
import { listConnections } from "../store/queries/list-connections.ts"
import { listTargetTenants } from "../store/queries/list-target-tenants.ts"
import { listSealedSecrets, type SealedSecretRow } from "../store/queries/list-sealed-secrets.ts"
import { openSecret, SecretUnreadable } from "../store/secrets/envelope.ts"
import type { MasterKeys } from "../store/secrets/master-keys.ts"
import { Misconfigured } from "./call.ts"
import type { ConnectionSource } from "./connection-source.ts"
import { secretNamesOf } from "./secrets.ts"

export interface TenantTargets {
  connections: ConnectionSource
  /** Throws `Misconfigured` (`secret_unreadable`) for one that is stored and cannot be opened. */
  secrets: (name: string) => string | undefined
  /**
   * Brings both up to date, at once for a connection that is not known with all its secrets: what was just added can
   * be called. Rejects when that one is not known and nothing can be read. `anew` reads them however fresh they are.
   */
  refresh: (connection?: string, mode?: "anew") => Promise<void>
}

export interface Targets {
  /** The same value for the same tenant: its clients live as long as the worker. */
  of: (tenant: string) => TenantTargets
  /**
   * Reads those of all tenants, now and every minute, so that calls go on when Postgres goes away, and with nothing
   * that is much older than that. Resolves when it was done once, or took too long. @returns what ends it.
   */
  keepAll: () => Promise<() => void>
}

/** What `--connections` and `--secrets` gave. */
export interface FileTargets {
  connections: readonly Connection[]
  secrets: Readonly<Record<string, string>>
}

export interface TargetsOptions {
  pool: Pool
  masterKeys: MasterKeys | undefined
  files: FileTargets
  logger: { warn(fields: object, message: string): void }
}

const FRESH_MS = 2_000
/** A call waits no longer for a Postgres that stands still, when there is something to go on with. */
const PATIENCE_MS = 1_000
/** After a reading that failed: however many calls wait for one, Postgres is asked no more often. */
const REST_MS = 250
const READ_ALL_EVERY_MS = 60_000
/** A worker that starts waits no longer; what is not read then, a call reads. */
const FIRST_READING_MS = 10_000

export function createTargets(options: TargetsOptions): Targets {
  const tenants = new Map<string, TenantTargets>()
  const of = (tenant: string): TenantTargets => {
    const known = tenants.get(tenant) ?? createTenantTargets(tenant, options)
    tenants.set(tenant, known)
    return known
  }
  return { of, keepAll: () => keepReading(options, of) }
}

async function keepReading({ pool, logger }: TargetsOptions, of: Targets["of"]): Promise<() => void> {
  let isOver = false
  const readAll = async (): Promise<void> => {
    try {
      for (const tenant of await listTargetTenants(pool)) {
        if (isOver) return
        await of(tenant).refresh(undefined, "anew")
      }
    } catch (thrown) {
      logger.warn({ error: toError(thrown).message }, "the tenants' connections and secrets were not read")
    }
  }
  let underWay: Promise<void> | undefined
  const read = (): Promise<void> => (underWay ??= readAll().finally(() => (underWay = undefined)))
  const timer = setInterval(() => void read(), READ_ALL_EVERY_MS)
  timer.unref()
  await within(FIRST_READING_MS, read()).catch(() => undefined)
  return () => {
    isOver = true
    clearInterval(timer)
  }
}

interface Stored {
  connections: Map<string, Connection>
  secrets: Map<string, SealedSecretRow>
}

function createTenantTargets(
  tenant: string,
  { pool, masterKeys, files, logger }: TargetsOptions,
): TenantTargets {
  const given = tenant === DEFAULT_TENANT ? files : { connections: [], secrets: {} }
  const fromFile = new Map(given.connections.map((connection) => [connection.name, connection]))
  let stored: Stored | undefined
  let readAt = -Infinity
  let reading: Promise<void> | undefined
  let failure: { at: number; error: Error } | undefined
  /** By the row's bytes: opening is cheap, but not for every header of every call. */
  const opened = new Map<string, { ciphertext: Uint8Array; value: string }>()

  const read = async (): Promise<void> => {
    const [connections, secrets] = await Promise.all([
      listConnections(pool, tenant),
      listSealedSecrets(pool, tenant),
    ])
    stored = {
      connections: new Map(connections.map(({ name, settings }) => [name, settings])),
      secrets: new Map(secrets.map((row) => [row.name, row])),
    }
    for (const name of opened.keys()) if (!stored.secrets.has(name)) opened.delete(name)
  }

  const startReading = (): Promise<void> => {
    if (failure !== undefined && performance.now() - failure.at < REST_MS)
      return Promise.reject(failure.error)
    reading ??= read()
      .then(() => (failure = undefined), fail)
      .finally(() => {
        readAt = performance.now()
        reading = undefined
      })
    return reading
  }

  /** Logged once, until a reading succeeds or fails with something else. */
  const fail = (thrown: unknown): never => {
    const { message } = toError(thrown)
    if (failure?.error.cause !== message)
      logger.warn({ tenant, error: message }, "connections and secrets cannot be read")
    failure = { at: performance.now(), error: new SettingsUnavailable(message) }
    throw failure.error
  }

  const find = (name: string): Connection | undefined => fromFile.get(name) ?? stored?.connections.get(name)

  const isComplete = (name: string | undefined): boolean => {
    if (name === undefined) return true
    const connection = find(name)
    const isKnown = (secret: string): boolean =>
      Object.hasOwn(given.secrets, secret) || stored?.secrets.has(secret) === true
    return connection !== undefined && secretNamesOf(connection).every(isKnown)
  }

  return {
    connections: { find },
    secrets(name) {
      if (Object.hasOwn(given.secrets, name)) return given.secrets[name]
      const row = stored?.secrets.get(name)
      if (row === undefined) return undefined
      const before = opened.get(name)
      if (before && Buffer.from(before.ciphertext).equals(row.ciphertext)) return before.value
      const value = open(masterKeys, { tenant, row })
      opened.set(name, { ciphertext: row.ciphertext, value })
      return value
    },
    async refresh(name, mode) {
      const suffices = (): boolean => mode === undefined && isComplete(name)
      if (performance.now() - readAt < FRESH_MS && suffices()) return
      // A reading that is on its way may have begun before the change that is looked for.
      const done =
        reading === undefined ? startReading() : reading.then(() => (suffices() ? undefined : startReading()))
      if (!isComplete(name)) return done
      // Else they are as they were last read.
      await within(PATIENCE_MS, done).catch(() => void (readAt = performance.now()))
    },
  }
}

function open(
  keys: MasterKeys | undefined,
  { tenant, row }: { tenant: string; row: SealedSecretRow },
): string {
  try {
    return openSecret(keys, { tenant, name: row.name, version: row.version }, row)
  } catch (thrown) {
    if (thrown instanceof SecretUnreadable)
      throw new Misconfigured("secret_unreadable", thrown.message, { cause: thrown })
    throw thrown
  }
}

/** Its message names no address of ours: whoever made the flow reads it. */
class SettingsUnavailable extends Error {
  readonly code = "settings_unavailable"

  /** @param cause is for the log. */
  constructor(cause: string) {
    super("Holdfast's Postgres does not answer, so connections and secrets could not be read", { cause })
  }
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  // It goes on after we left; then nobody hears that it failed, and the next call tries again.
  work.catch(() => undefined)
  await Promise.race([work, tooLate]).finally(() => clearTimeout(timer))
}
