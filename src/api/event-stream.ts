/**
 * One follower's stream of events. It is pulled: what the follower has not taken is not read from the outbox, so
 * one that is slow holds no more than a page of it in memory.
 */
import { toError } from "../contract/errors.ts"
import type { Subscription } from "../store/events/subscription.ts"
import { type EventRow, listEvents } from "../store/queries/list-events.ts"
import type { ApiServices } from "./dependencies.ts"
import { createEndLook } from "./wait-for-end.ts"

interface EventStreamOptions {
  tenant: string
  instance_id: string
  /** Id of the last event that is known already. */
  after: number
  subscription: Subscription
  /** Before each ping: whether the follower may still read this. @throws when it may not. */
  assertAllowed: () => Promise<unknown>
}

const PAGE = 100
const PING_MS = 15_000
/** Tells a browser how soon to come back after a loss, and makes the headers leave at once. */
const OPENING = "retry: 2000\n\n"

/** Ends after the transaction's end, when its follower may not read it any more, or when the server stops. */
export function createEventStream(
  services: ApiServices,
  options: EventStreamOptions,
): ReadableStream<Uint8Array> {
  const { subscription } = options
  const encoder = new TextEncoder()
  const read = createReader(services, options)
  let isOpened = false
  let isCancelled = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const text = isOpened ? await read() : OPENING
        isOpened = true
        if (isCancelled) return
        if (text !== undefined) {
          controller.enqueue(encoder.encode(text))
          return
        }
        subscription.leave()
        controller.close()
      },
      cancel() {
        isCancelled = true
        subscription.leave()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Each call waits for what is to be sent next; `undefined` when that is nothing any more. */
function createReader(
  services: ApiServices,
  { tenant, instance_id, after, subscription, assertAllowed }: EventStreamOptions,
): () => Promise<string | undefined> {
  const { pool, logger } = services
  const look = createEndLook(services, { tenant, instance_id })
  let seen = after
  return async (): Promise<string | undefined> => {
    const pingAt = performance.now() + PING_MS
    try {
      while (!subscription.isOver()) {
        // Before the events: an end that comes between the two is found the next time round.
        const { isFinal, againMs } = await look()
        const events = await listEvents(pool, { tenant, instance_id, after: seen, limit: PAGE })
        seen = events.at(-1)?.id ?? seen
        if (events.length > 0) return events.map((event) => toText(instance_id, event)).join("")
        if (isFinal) return undefined
        const leftMs = pingAt - performance.now()
        if (leftMs <= 0) {
          await assertAllowed()
          return ": ping\n\n"
        }
        await subscription.next(Math.min(leftMs, againMs))
      }
    } catch (thrown) {
      // The follower comes back with the last id it has seen.
      logger.warn({ error: toError(thrown).message }, "a stream of events ended early")
    }
    return undefined
  }
}

function toText(instanceId: string, { id, type, at, data }: EventRow): string {
  const whole = { id, type, instance_id: instanceId, at, data }
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(whole)}\n\n`
}
