/**
 * Calls whose target answers 202 and goes on working: it is asked, by GET, until it is done.
 *
 * P1 once the target has said where it can be asked, nothing is sent again: not by this attempt, and, since the
 *    address is remembered before it is first asked, not by one after it.
 * P2 what goes wrong with a poll says nothing of the call. Only the target's own answer ends it, or its 404 and 410,
 *    after which nobody knows.
 * P3 an attempt that ends while the target works leaves the next one to ask on, when it is time to.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { PollMemo } from "../../contract/activities.ts"
import type { PlanPoll } from "../../contract/plan.ts"
import { RETRY_AFTER_CAP_MS } from "../attempt-time.ts"
import {
  AttemptAborted,
  type CallRequest,
  type Evidence,
  type Failed,
  Misconfigured,
  type Verdict,
} from "../call.ts"
import type { HttpClient } from "../outbound/http-client.ts"
import { headerOf } from "../outbound/reply-body.ts"
import { type PollAnswer, readPoll } from "./poll-answer.ts"
import { findPollUrl, resolveReference } from "./poll-url.ts"
import { parseRetryAfter } from "./retry-after.ts"
import { type Exchange, exchange, type HttpCall, type HttpReading } from "./round-trip.ts"

export interface PollTrip {
  client: HttpClient
  call: HttpCall
  request: CallRequest
  reading: HttpReading
  poll: PlanPoll
  /** What `poll.url` is below, where it is a path. */
  base: string
}

/** A target that asks to be asked at once is asked as often as one a flow may ask. */
const LEAST_WAIT_MS = 100
/** A poll that takes longer is given up, and made again. */
const MAX_POLL_MS = 30_000

export async function callAndPoll(trip: PollTrip): Promise<Verdict> {
  const { client, call, request, reading } = trip
  const until = Date.now() + request.budgetMs
  const known = request.memo?.poll
  if (known !== undefined) {
    const { origin } = new URL(known.url)
    if (origin !== call.url.origin) return toMistake(movedAway(origin, call.url.origin), {})
    return pollUntilDone(trip, { memo: known, until, waitMs: 0 })
  }
  const { verdict, reply } = await exchange(client, call, { request, reading })
  if (reply?.status !== 202 || verdict.class === "refused") return verdict
  const { evidence } = verdict
  try {
    const url = findPollUrl(trip.poll, {
      reply,
      url: call.url,
      base: trip.base,
      input: request.input ?? null,
    })
    const memo = { url: url.href, since: Date.now(), only: request.before !== "unknown" }
    request.remember({ ...request.memo, poll: memo })
    return await pollUntilDone(trip, { memo, until, waitMs: waitOf(reply, trip.poll), sent: evidence })
  } catch (thrown) {
    return toMistake(thrown, evidence)
  }
}

interface Polling {
  memo: PollMemo
  /** The attempt's end, milliseconds since the epoch. */
  until: number
  waitMs: number
  /** Of the call itself, where this attempt made it. */
  sent?: Evidence
}

async function pollUntilDone(trip: PollTrip, polling: Polling): Promise<Verdict> {
  const { request, poll } = trip
  const { memo, until } = polling
  const { signal } = request
  const end = poll.timeout_ms === undefined ? Number.POSITIVE_INFINITY : memo.since + poll.timeout_ms
  let times = 0
  let waitMs = polling.waitMs
  let last: Failed = { class: "ongoing", code: "HTTP_202", message: "the target works on it", evidence: {} }
  const conclude = <V extends Verdict>(verdict: V): V => ({
    ...verdict,
    evidence: withPolls(verdict.evidence, { times, sent: polling.sent }),
  })
  for (;;) {
    const now = Date.now()
    if (times > 0 && now >= end) return conclude(toTimedOut(last, poll))
    waitMs = Math.min(waitMs, Math.max(end - now, 0))
    if (now + waitMs >= until) return conclude(toOngoing(last, waitMs))
    // Its end is read from the signal.
    await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return conclude(toStopped(last, signal, poll))
    const answer = await ask(trip, { memo, until })
    times++
    if (signal.aborted && answer.state === "working") return conclude(toStopped(answer.verdict, signal, poll))
    if (answer.state === "over") {
      if (answer.forget === true) forget(request)
      return conclude(answer.verdict)
    }
    last = answer.verdict
    waitMs = answer.reply === undefined ? poll.interval_ms : waitOf(answer.reply, poll)
  }
}

/** One poll, and the one 303 that leads from the work to its result. */
async function ask(trip: PollTrip, { memo, until }: Pick<Polling, "memo" | "until">): Promise<PollAnswer> {
  const { poll, request, reading } = trip
  const rules = { poll, only: memo.only, input: request.input ?? null }
  const at = new URL(memo.url)
  const first = await get(trip, at, until)
  if (first.reply?.status !== 303 || reading.reject.includes(303))
    return readPoll(first, { ...rules, place: "status" })
  try {
    const result = resolveReference(headerOf(first.reply, "location"), at)
    return readPoll(await get(trip, result, until), { ...rules, place: "result" })
  } catch (thrown) {
    return { state: "over", verdict: toMistake(thrown, first.verdict.evidence) }
  }
}

function get({ client, call, request, reading }: PollTrip, url: URL, until: number): Promise<Exchange> {
  // Of the call itself: a target may answer what it keeps for the key, which is the 202.
  const { "content-type": _type, "idempotency-key": _key, ...headers } = call.headers
  const budgetMs = Math.min(Math.max(until - Date.now(), 1), MAX_POLL_MS)
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(MAX_POLL_MS)])
  return exchange(
    client,
    { method: "GET", url, headers },
    {
      // Statuses that the profiles read apart are a word on a key, which a poll has none of.
      request: { ...request, before: "unknown", budgetMs, signal },
      reading: { ...reading, profile: "plain", success: ["2xx"] },
    },
  )
}

function waitOf(reply: NonNullable<Exchange["reply"]>, poll: PlanPoll): number {
  const asked = parseRetryAfter(headerOf(reply, "retry-after"), Date.now())
  return asked === undefined ? poll.interval_ms : Math.min(Math.max(asked, LEAST_WAIT_MS), RETRY_AFTER_CAP_MS)
}

function toOngoing(last: Failed, waitMs: number): Failed {
  const message = `${last.message}; it is asked again by the next attempt`
  return { ...last, class: "ongoing", message, retryAfterMs: Math.max(waitMs, 1), next: "poll" }
}

function toStopped(last: Failed, signal: AbortSignal, poll: PlanPoll): Failed {
  // Nothing else aborts an attempt.
  const code = signal.reason instanceof AttemptAborted ? signal.reason.code : last.code
  return { ...toOngoing(last, poll.interval_ms), code }
}

function toTimedOut(last: Failed, { timeout_ms }: PlanPoll): Failed {
  const message = `the target was not done ${String(timeout_ms)} ms after it took the call; its last word: ${last.message}`
  return { class: "unknown", code: "poll_timeout", message, next: "none", evidence: last.evidence }
}

/** The connection was changed since, and so were perhaps its credentials: they are not for the one that took the call. */
function movedAway(from: string, to: string): Misconfigured {
  return new Misconfigured(
    "poll_address_blocked",
    `the call was taken at ${from}, and its connection leads to ${to} now: it is not asked with credentials that are not its own. Find out there how it ended`,
  )
}

/** The target has the call all the same. */
function toMistake(thrown: unknown, evidence: Evidence): Failed {
  if (!(thrown instanceof Misconfigured)) throw thrown
  const { code, message } = thrown
  return { class: "misconfigured", code, message, left: "unknown", evidence }
}

function forget(request: CallRequest): void {
  const { poll: _poll, ...rest } = request.memo ?? {}
  request.remember(rest)
}

/** Of the call that was sent, with the last answer to a poll. */
function withPolls(last: Evidence, { times, sent }: { times: number; sent: Evidence | undefined }): Evidence {
  const accepted = sent === undefined ? {} : { accepted: sent.response }
  return { ...last, ...sent, response: { ...accepted, polls: times, last: last.response ?? null } }
}
