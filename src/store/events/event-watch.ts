/**
 * Tells those who follow a transaction that there is something new to read. One connection that listens, and one
 * reader of the outbox, for all of them; nothing is kept for anybody: who is slow reads more at once, later.
 *
 * The table is what counts: it is read every two seconds, and a NOTIFY only makes that happen at once. So a
 * connection that is lost delays, and loses nothing.
 */
import type { Client, Pool } from "pg"
import { toError } from "../../contract/errors.ts"
import type { Logger } from "../logger.ts"
import { openConnection } from "../pool.ts"
import { findNewestEvent, listTold } from "../queries/list-told.ts"
import { EVENT_CHANNEL } from "./insert-events.ts"
import { createSubscription, type OwnSubscription, type Subscription } from "./subscription.ts"

export interface EventWatch {
  /**
   * Resolves when every event that is committed from now on will be noticed: read what is there after that.
   * @throws the pool's error.
   */
  subscribe(key: { tenant: string; instance_id: string }): Promise<Subscription>
  /** How many follow at the moment. */
  subscribers(): number
  /** Ends all subscriptions, those to come as well. */
  close(): Promise<void>
}

const POLL_MS = 2_000
const EVENTS_AT_ONCE = 5_000

export function createEventWatch(options: { pool: Pool; logger: Logger }): EventWatch {
  return new OutboxWatch(options)
}

class OutboxWatch implements EventWatch {
  readonly #pool: Pool
  readonly #logger: Logger
  readonly #followers = new Map<string, Set<OwnSubscription>>()
  #count = 0
  #isClosed = false
  #timer: NodeJS.Timeout | undefined
  /** Present while somebody follows: resolved once `#seen` is set. */
  #begun: Promise<void> | undefined
  /** Followers were told of everything up to this id. */
  #seen = 0
  #reading: Promise<void> | undefined
  #isReadAgain = false
  #listener: Promise<Client | undefined> | undefined

  constructor({ pool, logger }: { pool: Pool; logger: Logger }) {
    this.#pool = pool
    this.#logger = logger
  }

  async subscribe({ tenant, instance_id }: { tenant: string; instance_id: string }): Promise<Subscription> {
    const name = toName(tenant, instance_id)
    const subscription = createSubscription(() => this.#remove(name, subscription))
    if (this.#isClosed) {
      subscription.leave()
      return subscription
    }
    this.#add(name, subscription)
    try {
      await (this.#begun ??= this.#begin())
      return subscription
    } catch (thrown) {
      subscription.leave()
      throw thrown
    }
  }

  subscribers(): number {
    return this.#count
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const subscription of [...this.#followers.values()].flatMap((all) => [...all])) subscription.leave()
    await this.#reading
    await (await this.#listener)?.end().catch(() => {})
  }

  #add(name: string, subscription: OwnSubscription): void {
    const others = this.#followers.get(name)
    if (others) others.add(subscription)
    else this.#followers.set(name, new Set([subscription]))
    this.#count++
  }

  #remove(name: string, subscription: OwnSubscription): void {
    const all = this.#followers.get(name)
    if (!all?.delete(subscription)) return
    if (all.size === 0) this.#followers.delete(name)
    this.#count--
    if (this.#count > 0) return
    clearInterval(this.#timer)
    this.#begun = undefined
  }

  /** Nobody followed until now: what was told before is not news to anybody. */
  async #begin(): Promise<void> {
    await Promise.resolve()
    const turn = this.#begun
    if (!turn) return
    clearInterval(this.#timer)
    this.#timer = setInterval(() => this.#look(), POLL_MS)
    this.#listen()
    const newest = await findNewestEvent(this.#pool).catch((thrown: unknown) => {
      if (this.#begun === turn) this.#begun = undefined
      throw thrown
    })
    // Where all have left and others came meanwhile, these have a beginning of their own.
    if (this.#begun === turn) this.#seen = newest
  }

  #look(): void {
    this.#listen()
    this.#isReadAgain = true
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    try {
      while (this.#isReadAgain && this.#count > 0) {
        this.#isReadAgain = false
        await this.#begun
        const told = await listTold(this.#pool, { after: this.#seen, limit: EVENTS_AT_ONCE })
        let events = 0
        for (const row of told) {
          this.#seen = Math.max(this.#seen, row.newest)
          events += row.events
          for (const follower of this.#followers.get(toName(row.tenant_id, row.instance_id)) ?? [])
            follower.wake()
        }
        if (events === EVENTS_AT_ONCE) this.#isReadAgain = true
      }
    } catch (thrown) {
      this.#logger.warn({ error: toError(thrown).message }, "the events cannot be read; trying again")
    }
  }

  #listen(): void {
    if (this.#isClosed) return
    this.#listener ??= this.#openListener().catch((thrown: unknown) => {
      this.#logger.warn({ error: toError(thrown).message }, "nobody listens for events; trying again")
      this.#listener = undefined
      return undefined
    })
  }

  async #openListener(): Promise<Client> {
    const client = await openConnection(this.#pool, () => {
      this.#listener = undefined
    })
    client.on("notification", ({ payload }) => {
      if (Number(payload) > this.#seen && this.#count > 0) this.#look()
    })
    await client.query(`listen ${EVENT_CHANNEL}`).catch(async (thrown: unknown) => {
      await client.end()
      throw thrown
    })
    return client
  }
}

function toName(tenant: string, instanceId: string): string {
  return `${tenant}/${instanceId}`
}
