/**
 * The mirror's fast lane: takes changes from workflows and attempts from activities without ever making them
 * wait, and writes the newest state of each row to Postgres.
 *
 * Modes:
 * - `idle`     nothing waits. A push leads to `waiting`.
 * - `waiting`  a timer runs: `flushMs` after the first push, at the next beat while one flush follows another, 0
 *              once a batch waits or somebody calls `flush`, the backoff after a failure (which nothing shortens).
 *              When it fires: `writing`.
 * - `writing`  one batch is on the wire; pushes are collected. Done: `waiting` if more came, else `idle`.
 *              Failed because of Postgres: the batch goes back, newer rows win; `waiting` with a longer backoff.
 *              While transactions lack rows that were refused, a flush comes every 2 s even if nothing waits.
 * - `closed`   pushes are counted as refused.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Client, Pool } from "pg"
import { toError } from "../../contract/errors.ts"
import type { AttemptRow, MirrorChange } from "../../contract/rows.ts"
import type { Logger } from "../logger.ts"
import type { SecretMask } from "./mask-decisions.ts"
import { withNetworkDeadline } from "./network-deadline.ts"
import { Pending, type PendingTransaction, size } from "./pending.ts"
import { settleLosses } from "./queries/settle-losses.ts"
import { type MirrorSession, openSession } from "./session.ts"
import { writeBatch } from "./write-batch.ts"
import { judgeWriteError } from "./write-error.ts"

export interface MirrorWriterOptions {
  pool: Pool
  logger: Logger
  /** Knows the secrets that this process has read: they are kept out of what people wrote in decisions. */
  mask?: SecretMask | undefined
  /** Milliseconds that a change waits for company; 5 unless said, and 40 to 250 after another flush. */
  flushMs?: number
  /** Rows of one flush; 500 unless said. A transaction's rows stay together, so it may be somewhat more. */
  maxRows?: number
  /** Rows that may wait while Postgres is away; 50,000 unless said. Fewer, where they are large. */
  maxPending?: number
  /** Milliseconds that `close` waits for Postgres; 5,000 unless said. */
  closeMs?: number
}

export interface MirrorWriter {
  /** Never throws, never waits. Repeats and older changes do no harm. */
  push(change: MirrorChange): void
  /** Adds to the attempt log. Never throws, never waits. */
  attempt(row: AttemptRow): void
  /** Resolves when all that was pushed before is written, or known to be unwritable. Waits while Postgres is away. */
  flush(): Promise<void>
  /** Writes what waits. @throws Error when Postgres did not take it in time; the sweeper then restores it. */
  close(): Promise<void>
  stats(): MirrorStats
}

export interface MirrorStats {
  /** Rows that wait, or are on the wire. */
  pending: number
  /** Milliseconds since the oldest of them came; 0 when there is none. */
  lag_ms: number
  flushes: number
  /** Rows written since the start, repeats and rows older than the stored ones included. */
  written: number
  /** Rows that can never be stored: each was logged. */
  dropped: number
  /** Rows refused because too many, or too large ones, waited, or the writer was closed. */
  refused: number
  connected: boolean
}

export function createMirrorWriter(options: MirrorWriterOptions): MirrorWriter {
  return new BatchingWriter(options)
}

/**
 * Between the starts of two flushes, in `flushMs`, and in the time that the last one took. A flush costs Postgres and
 * the main thread the same for one row as for ten: at 18 transactions of three tasks a second, flushes 5 ms after
 * each change came to eight for each transaction and a tenth of all that it cost. And where both are busy, so that it
 * takes longer, more rows go into each.
 */
const BEAT = 8
/** However busy they are, nobody who follows a transaction should notice. */
const LONGEST_BEAT_MS = 250
const FIRST_BACKOFF_MS = 50
const LONGEST_BACKOFF_MS = 5_000
/** The sweeper's own pace, about: what was told is not compared sooner. */
const LOSSES_MS = 2_000
/** Transactions that are told of at once. */
const LOSSES_A_TIME = 500

class BatchingWriter implements MirrorWriter {
  readonly #pool: Pool
  readonly #logger: Logger
  readonly #secrets: SecretMask | undefined
  readonly #flushMs: number
  readonly #maxRows: number
  readonly #closeMs: number
  readonly #pending: Pending

  #mode: "idle" | "waiting" | "writing" | "closed" = "idle"
  #timer: NodeJS.Timeout | undefined
  /** The timer that runs fires as soon as it can. */
  #isHurried = false
  #backoffMs = 0
  #lastFlushAt = Number.NEGATIVE_INFINITY
  #lastFlushMs = 0
  #session: MirrorSession | undefined
  #onWire: PendingTransaction[] = []
  /** Those who wait for a flush: until no entry below a position waits. */
  #waiters: { below: number; resolve: () => void }[] = []
  /** Runs from when losses were settled until they may be again. */
  #lossTimer: NodeJS.Timeout | undefined
  /** How many refused rows were logged. */
  #loggedRefused = 0
  #flushes = 0
  #written = 0
  #dropped = 0
  #refusedWhenClosed = 0

  constructor(options: MirrorWriterOptions) {
    this.#pool = options.pool
    this.#logger = options.logger
    this.#secrets = options.mask
    this.#flushMs = options.flushMs ?? 5
    this.#maxRows = options.maxRows ?? 500
    this.#closeMs = options.closeMs ?? 5_000
    this.#pending = new Pending(options.maxPending ?? 50_000)
  }

  push(change: MirrorChange): void {
    if (this.#mode === "closed") {
      this.#refusedWhenClosed++
      return
    }
    this.#pending.add(change)
    this.#schedule()
  }

  attempt(row: AttemptRow): void {
    if (this.#mode === "closed") {
      this.#refusedWhenClosed++
      return
    }
    this.#pending.addAttempt(row)
    this.#schedule()
  }

  flush(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#mode === "closed" || (this.#pending.rows() === 0 && this.#mode !== "writing")) {
        resolve()
        return
      }
      this.#waiters.push({ below: this.#pending.nextPosition(), resolve })
      this.#schedule()
    })
  }

  async close(): Promise<void> {
    if (this.#mode === "closed") return
    await Promise.race([this.flush(), sleep(this.#closeMs, undefined, { ref: false })])
    this.#mode = "closed"
    clearTimeout(this.#timer)
    clearTimeout(this.#lossTimer)
    const { pending } = this.stats()
    try {
      await this.#session?.end(pending === 0 && this.#pending.losses.isEmpty() ? "clean" : "dirty")
    } catch (thrown) {
      this.#logger.warn({ error: toError(thrown).message }, "the mirror's connection did not end well")
    }
    for (const { resolve } of this.#waiters) resolve()
    if (pending === 0) return
    throw new Error(
      `${pending} mirror rows were not written before the end: Postgres did not take them. The sweeper restores them from Temporal.`,
    )
  }

  stats(): MirrorStats {
    const oldest = this.#onWire[0] ?? this.#pending.oldest()
    return {
      pending: this.#pending.rows() + countRows(this.#onWire),
      lag_ms: oldest ? Math.max(0, Date.now() - oldest.since) : 0,
      flushes: this.#flushes,
      written: this.#written,
      dropped: this.#dropped,
      refused: this.#pending.refused() + this.#refusedWhenClosed,
      connected: this.#session !== undefined && !this.#session.isLost(),
    }
  }

  #schedule(): void {
    if (this.#mode === "closed" || this.#mode === "writing") return
    if (this.#pending.rows() === 0 && !this.#areLossesDue()) {
      this.#mode = "idle"
      return
    }
    const isWanted = this.#pending.isBatch(this.#maxRows) || this.#waiters.length > 0
    const hurry = isWanted && this.#backoffMs === 0
    // A timer that runs is left alone, or pushes without a pause would put the flush off for ever.
    if (this.#mode === "waiting" && (this.#isHurried || !hurry)) return
    this.#mode = "waiting"
    this.#isHurried = hurry
    clearTimeout(this.#timer)
    // `#write` handles every failure itself.
    this.#timer = setTimeout(() => void this.#write(), hurry ? 0 : Math.max(this.#backoffMs, this.#waitMs()))
  }

  #waitMs(): number {
    const beatMs = BEAT * Math.max(this.#flushMs, this.#lastFlushMs)
    return Math.max(this.#flushMs, this.#lastFlushAt + Math.min(beatMs, LONGEST_BEAT_MS) - performance.now())
  }

  async #write(): Promise<void> {
    this.#mode = "writing"
    this.#lastFlushAt = performance.now()
    this.#onWire = this.#pending.take(this.#maxRows)
    try {
      await withNetworkDeadline((onAnswer) => this.#writeOnWire(onAnswer))
      this.#flushes++
      this.#written += countRows(this.#onWire)
      if (this.#backoffMs > 0) this.#logger.info({ pending: this.#pending.rows() }, "the mirror writes again")
      this.#backoffMs = 0
    } catch (thrown) {
      await this.#stepBack(toError(thrown))
    }
    this.#lastFlushMs = performance.now() - this.#lastFlushAt
    this.#onWire = []
    this.#settleWaiters()
    if (this.#isClosed()) return
    this.#mode = "idle"
    this.#schedule()
  }

  /** `close` may end the writer while a batch is on the wire. */
  #isClosed(): boolean {
    return this.#mode === "closed"
  }

  async #writeOnWire(onAnswer: () => void): Promise<void> {
    if (this.#session?.isLost()) await this.#dropSession()
    this.#session ??= await openSession(this.#pool)
    const { client } = this.#session
    if (this.#onWire.length > 0) {
      await writeBatch(client, this.#onWire, {
        secrets: this.#secrets,
        onAnswer,
        onCulprit: ({ tenant, transaction_id, row, error }) => {
          this.#dropped++
          const fields = { tenant, transaction: transaction_id, row, error: error.message }
          this.#logger.error(fields, "a mirror row cannot be stored and is left out")
        },
      })
    }
    if (this.#areLossesDue()) await this.#settleLosses(client)
  }

  #areLossesDue(): boolean {
    return (
      this.#lossTimer === undefined &&
      (!this.#pending.losses.isEmpty() || this.#pending.refused() > this.#loggedRefused)
    )
  }

  /** Tells the sweeper which transactions lack rows, and takes changes again of those that are whole. */
  async #settleLosses(client: Client): Promise<void> {
    const { losses } = this.#pending
    const asked = losses.next(LOSSES_A_TIME)
    if (asked.length > 0) losses.forget(await settleLosses(client, asked))
    const rows = this.#pending.refused() - this.#loggedRefused
    if (rows > 0) this.#logger.warn({ rows }, "too many mirror rows waited, some were refused")
    this.#loggedRefused += rows
    if (this.#isClosed()) return
    this.#lossTimer = setTimeout(() => {
      this.#lossTimer = undefined
      this.#schedule()
    }, LOSSES_MS)
  }

  async #stepBack(error: Error): Promise<void> {
    this.#pending.putBack(this.#onWire)
    this.#onWire = []
    if (this.#backoffMs === 0) {
      const fields = { error: error.message, pending: this.#pending.rows(), bytes: this.#pending.bytes() }
      this.#logger.warn(fields, "the mirror cannot write")
    }
    this.#backoffMs = Math.min(LONGEST_BACKOFF_MS, Math.max(FIRST_BACKOFF_MS, this.#backoffMs * 2))
    if (judgeWriteError(error) === "outage") await this.#dropSession()
  }

  async #dropSession(): Promise<void> {
    const dropped = this.#session
    this.#session = undefined
    // A connection that is lost already has nothing more to say.
    await Promise.race([dropped?.end("dirty").catch(() => {}), sleep(1_000, undefined, { ref: false })])
  }

  #settleWaiters(): void {
    const oldest = this.#pending.oldest()?.position ?? Number.POSITIVE_INFINITY
    for (const { below, resolve } of this.#waiters) if (below <= oldest) resolve()
    this.#waiters = this.#waiters.filter(({ below }) => below > oldest)
  }
}

function countRows(entries: PendingTransaction[]): number {
  return entries.reduce((sum, entry) => sum + size(entry), 0)
}
