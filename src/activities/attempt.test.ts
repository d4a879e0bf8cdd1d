import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import type { AttemptMemo } from "../contract/activities.ts"
import { toError } from "../contract/errors.ts"
import type { AttemptFrame } from "./attempt.ts"
import { createTrial, done, failed, failureOf, later } from "./attempt-trial.testsuite.ts"
import { AttemptAborted, type CallRequest, Misconfigured, type Verdict } from "./call.ts"
import { idempotencyKey } from "../contract/idempotency-key.ts"
import { HEARTBEAT_INTERVAL_MS } from "./pulse.ts"

describe("runAttempt()", () => {
  test("a success that nests too deep was executed, and its row is written", async () => {
    const output: unknown = JSON.parse("[".repeat(200_000) + "]".repeat(200_000))
    const trial = createTrial(() => ({ class: "done", output, evidence: { response: { body: output } } }))
    const failure = await failureOf(trial.run())
    expect(failure.detail).toMatchObject({
      class: "misconfigured",
      outcome: "executed",
      code: "output_too_deep",
    })
    expect(failure.nonRetryable).toBe(true)
    expect(trial.rows).toMatchObject([{ outcome: "executed", response: { body: [[expect.anything()]] } }])
  })

  test("answers the output and writes the row", async () => {
    const trial = createTrial(() => done)
    await expect(trial.run()).resolves.toEqual({ output: { id: 1 }, ended_at: expect.any(Number) })
    expect(trial.rows).toMatchObject([
      {
        tenant: "acme",
        transaction_id: "order-1",
        task: "pay",
        generation: 2,
        operation: "do",
        attempt: 1,
        class: "done",
        outcome: "executed",
        code: null,
        peer: "127.0.0.1:80",
      },
    ])
    expect(trial.heartbeats).toEqual([])
  })

  describe("a target that does not know who called", () => {
    const denied = failed({ class: "misconfigured", code: "HTTP_401", deniesCredentials: true })
    const trialWith = (renew: () => Promise<boolean>, answers: Verdict[]) =>
      createTrial(() => answers.shift() ?? denied, {}, { renew })

    test("is asked once more with secrets that were renewed, within the attempt's time", async () => {
      const trial = trialWith(() => Promise.resolve(true), [denied, done])
      await expect(trial.run()).resolves.toMatchObject({ output: { id: 1 } })
      expect(trial.rows).toMatchObject([{ class: "done", outcome: "executed" }])
      const [first, second] = trial.requests
      expect(second?.key).toBe(first?.key)
      expect(second?.budgetMs).toBeLessThanOrEqual(first?.budgetMs ?? 0)
    })

    test.each<[string, () => Promise<boolean>, number]>([
      ["the same secrets", () => Promise.resolve(false), 1],
      ["secrets that cannot be read", () => Promise.reject(new Error("away")), 1],
      ["renewed secrets that do not do either", () => Promise.resolve(true), 2],
    ])("parks with %s, and nothing ran", async (_name, renew, calls) => {
      const trial = trialWith(renew, [])
      const { detail, nonRetryable } = await failureOf(trial.run())
      expect(detail).toMatchObject({ class: "misconfigured", outcome: "not_executed", code: "HTTP_401" })
      expect(nonRetryable).toBe(true)
      expect(trial.requests).toHaveLength(calls)
    })

    const polled = failed({
      class: "misconfigured",
      code: "HTTP_401",
      deniesCredentials: true,
      left: "unknown",
    })
    const place = { url: "http://a.example/jobs/7?token=s3cret-value", since: 1, only: true }

    test.each([
      ["is polled once more where the place is kept", "http://a.example/jobs/7", 2],
      ["is not sent its call again where the place holds a secret", place.url, 1],
    ])("that denied a poll %s", async (_name, url, calls) => {
      const answers: Verdict[] = [polled]
      const polling = (request: CallRequest) => {
        request.remember({ poll: { ...place, url } })
        return answers.shift() ?? done
      }
      const trial = createTrial(polling, {}, { renew: () => Promise.resolve(true) })
      await trial.run({ effect: "unsafe", poll: { interval_ms: 1 } }).catch(() => undefined)
      expect(trial.requests).toHaveLength(calls)
    })

    test("is not asked again when the attempt is stopped meanwhile", async () => {
      const trial = trialWith(() => {
        trial.cancel()
        return new Promise(() => {})
      }, [])
      expect((await failureOf(trial.run())).detail).toMatchObject({ outcome: "not_executed" })
      expect(trial.requests).toHaveLength(1)
    })
  })

  test("gives the connector identity, key and fingerprint, the same on every attempt", async () => {
    const first = createTrial(() => done)
    const second = createTrial(() => done, later({ attempt: 2, clean: true }))
    await first.run({ input: { a: 1 } })
    await second.run({ input: { a: 1 } })
    const [one, two] = [first.requests[0], second.requests[0]]
    expect(one?.key).toBe(
      idempotencyKey({ tenant: "acme", transaction: "order-1", task: "pay", operation: "do", generation: 2 }),
    )
    expect(two?.key).toBe(one?.key)
    expect(two?.fingerprint).toBe(one?.fingerprint)
    expect(one).toMatchObject({
      before: "not_started",
      config: { url: "/x" },
      input: { a: 1 },
      // A moment may pass before it is called.
      budgetMs: expect.closeTo(29_000, -3),
    })
    expect(two).toMatchObject({ before: "not_executed", identity: { attempt: 3 } })
  })

  describe("a target that forgets keys", () => {
    const after = { repeat_until: Date.now() - 1 }
    const taken = { attempt: 2, clean: false, memo: { poll: { url: "/jobs/1", since: 0, only: true } } }

    test("is not sent a key that it forgot when an earlier attempt may have used it, and there is no next attempt", async () => {
      const trial = createTrial(() => done, later(undefined))
      const failure = await failureOf(trial.run(after))
      expect(trial.requests).toEqual([])
      expect(failure.detail).toMatchObject({
        class: "unknown",
        outcome: "unknown",
        code: "outside_dedup_window",
      })
      expect(failure.nonRetryable).toBe(true)
    })

    test("nor a call that has waited for its turn until then", async () => {
      const until = { repeat_until: Date.now() + 50 }
      const admit = () => new Promise<() => void>((resolve) => setTimeout(resolve, 80, () => {}))
      const trial = createTrial(() => done, later(undefined), { admit })
      expect((await failureOf(trial.run(until))).detail.code).toBe("outside_dedup_window")
      expect(trial.requests).toEqual([])
    })

    test.each([
      ["the key is remembered", { repeat_until: Date.now() + 600_000 }, later(undefined)],
      ["nothing was sent before", after, {}],
      ["what was sent before did not run", after, later({ attempt: 2, clean: true })],
      ["it only asks how far the target is", { ...after, poll: {} as never }, later(taken)],
    ])("is called when %s", async (_when, input, info) => {
      const trial = createTrial(() => done, info)
      await trial.run(input)
      expect(trial.requests).toHaveLength(1)
    })
  })

  test("folds the outcome onto what was known", async () => {
    const refused = createTrial(() => failed({ class: "refused", code: "HTTP_402" }), later(undefined))
    const failure = await failureOf(refused.run())
    expect(failure.detail).toEqual({
      class: "refused",
      outcome: "unknown",
      code: "HTTP_402",
      ended_at: expect.any(Number),
    })
    expect(failure).toMatchObject({ type: "HTTP_402", nonRetryable: true })
    expect(refused.rows[0]).toMatchObject({ class: "refused", outcome: "unknown" })
  })

  test("says clean in its last heartbeat when nothing ran, and only then", async () => {
    const clean = createTrial(() => failed({ class: "not_executed", code: "ECONNREFUSED" }))
    await failureOf(clean.run())
    expect(clean.heartbeats).toEqual([{ attempt: 1, clean: true }])
    const after = createTrial(() => failed({ class: "not_executed", code: "ECONNREFUSED" }), later(undefined))
    expect((await failureOf(after.run())).detail.outcome).toBe("unknown")
    expect(after.heartbeats).toEqual([])
    const unknown = createTrial(() => failed({}))
    await failureOf(unknown.run())
    expect(unknown.heartbeats).toEqual([])
  })

  test("carries cleanness from attempt to attempt", async () => {
    const trial = createTrial(() => failed({ class: "not_executed" }), later({ attempt: 2, clean: true }))
    await failureOf(trial.run())
    expect(trial.heartbeats).toEqual([{ attempt: 3, clean: true }])
  })

  test.each([
    ["on a repeat without a marker", later(undefined), undefined],
    ["on a first dispatch after an unknown", {}, "unknown" as const],
  ])("does not send an unsafe call whose earlier attempt may have run: %s", async (_name, info, prior) => {
    const trial = createTrial(() => done, info)
    const failure = await failureOf(
      trial.run({ effect: "unsafe", ...(prior === undefined ? {} : { prior }) }),
    )
    expect(failure).toMatchObject({ type: "unsafe_repeat_refused", nonRetryable: true })
    expect(failure.detail.outcome).toBe("unknown")
    expect(trial.requests).toEqual([])
    expect(trial.rows).toHaveLength(1)
  })

  test("sends an unsafe call again after a clean attempt", async () => {
    const trial = createTrial(() => done, later({ attempt: 2, clean: true }))
    await expect(trial.run({ effect: "unsafe" })).resolves.toEqual({
      output: { id: 1 },
      ended_at: expect.any(Number),
    })
  })

  test("reads a Misconfigured throw as such, any other as unknown", async () => {
    const mistake = createTrial(() => {
      throw new Misconfigured("url_invalid", "no url")
    })
    expect((await failureOf(mistake.run())).detail).toEqual({
      ended_at: expect.any(Number),
      class: "misconfigured",
      outcome: "not_executed",
      code: "url_invalid",
    })
    const aborted = createTrial(() => {
      throw new AttemptAborted("attempt_cancelled", "stopped")
    })
    expect((await failureOf(aborted.run())).detail).toMatchObject({
      class: "unknown",
      code: "attempt_cancelled",
    })
    const bug = createTrial(() => {
      throw new TypeError("x is not a function")
    })
    expect((await failureOf(bug.run())).detail).toEqual({
      ended_at: expect.any(Number),
      class: "unknown",
      outcome: "unknown",
      code: "internal_error",
    })
    expect(bug.logged).toHaveLength(1)
    const odd = createTrial(() => Promise.reject("text"))
    expect((await failureOf(odd.run())).detail.class).toBe("unknown")
  })

  test("keeps secrets out of failures and rows", async () => {
    const trial = createTrial(() =>
      failed({ message: "told s3cret-value", evidence: { request: "s3cret-value" } }),
    )
    const failure = await failureOf(trial.run())
    expect(failure.message).toBe("told [redacted]")
    expect(JSON.stringify(trial.rows)).not.toContain("s3cret")
  })

  test("keeps the outcome when the row cannot be written", async () => {
    const trial = createTrial(() => done)
    trial.rows.push = () => {
      throw new Error("disk full")
    }
    await expect(trial.run()).resolves.toEqual({ output: { id: 1 }, ended_at: expect.any(Number) })
    expect(trial.logged).toEqual(["the attempt row was not written"])
  })

  test("fails a call whose output is too large as executed", async () => {
    const trial = createTrial(() => ({ ...done, output: "x".repeat(70_000) }))
    expect((await failureOf(trial.run())).detail).toEqual({
      ended_at: expect.any(Number),
      class: "misconfigured",
      outcome: "executed",
      code: "output_too_large",
    })
    expect(trial.rows[0]).toMatchObject({ class: "misconfigured", outcome: "executed" })
  })

  test("refuses ids that name no task", async () => {
    const trial = createTrial(() => done, { workflowExecution: { workflowId: "foreign", runId: "r" } })
    const failure = await failureOf(trial.run({ prior: "unknown" }))
    expect(failure).toMatchObject({ type: "identity_unknown", nonRetryable: true })
    expect(failure.detail.outcome).toBe("unknown")
    expect(trial.requests).toEqual([])
  })
})

describe("runAttempt() over time", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  const hanging = (request: CallRequest) =>
    new Promise<Verdict>((resolve) =>
      request.signal.addEventListener("abort", () => {
        // The frame aborts with nothing else.
        const { code } = request.signal.reason as AttemptAborted
        resolve(failed({ code }))
      }),
    )

  describe("what a connector remembers", () => {
    const memo = { replayed: { digest: "d", times: 1 } }
    const remembering = (memoOf: (request: CallRequest) => AttemptMemo) => (request: CallRequest) => {
      request.remember(memoOf(request))
      return failed({})
    }

    test("is heard of at once, and reaches the next attempt", async () => {
      const first = createTrial(remembering(() => memo))
      await failureOf(first.run())
      expect(first.heartbeats).toEqual([{ attempt: 1, clean: false, memo }])
      const second = createTrial(() => done, { ...later(first.heartbeats[0]), attempt: 2 })
      await second.run()
      expect(second.requests[0]).toMatchObject({ memo, before: "unknown" })
    })

    test("outlives an attempt that was lost, and a reset of the activity, which proves nothing", async () => {
      for (const attempt of [5, 1]) {
        const trial = createTrial(() => done, { ...later({ attempt: 2, clean: true, memo }), attempt })
        await trial.run()
        expect(trial.requests[0]).toMatchObject({ memo, before: "unknown" })
        expect(trial.heartbeats).toEqual([{ attempt, clean: false, memo }])
      }
    })

    test("lets an unsafe call go on where the target can be asked, and only there", async () => {
      const poll = { url: "http://a.example/jobs/7", since: 1, only: true }
      const unsafe = { effect: "unsafe", poll: { interval_ms: 1 } } as const
      const asking = createTrial(() => done, later({ attempt: 2, clean: false, memo: { poll } }))
      await asking.run(unsafe)
      expect(asking.requests).toMatchObject([{ memo: { poll }, poll: unsafe.poll, before: "unknown" }])
      for (const details of [{ attempt: 2, clean: false, memo }, { attempt: 2, clean: false }, undefined]) {
        const sending = createTrial(() => done, later(details))
        expect((await failureOf(sending.run(unsafe))).detail.code).toBe("unsafe_repeat_refused")
        expect(sending.requests).toEqual([])
      }
    })

    test.each([
      ["its connection is busy", { admit: () => Promise.reject(new Error("full")) }, "connection_busy"],
      [
        "settings cannot be read",
        { prepare: () => Promise.reject(new Error("away")) },
        "settings_unavailable",
      ],
    ])("has an unsafe call asked on by a next attempt when %s", async (_when, frame, code) => {
      const poll = { url: "http://a.example/jobs/7", since: 1, only: true }
      const input = { effect: "unsafe", poll: { interval_ms: 1 } } as const
      const asking = createTrial(() => done, later({ attempt: 2, clean: false, memo: { poll } }), frame)
      const ended = failureOf(asking.run(input))
      await vi.advanceTimersByTimeAsync(15_000)
      const failure = await ended
      expect(failure.detail).toMatchObject({ class: "not_executed", outcome: "unknown", code })
      expect(failure.nonRetryable).toBe(false)
      expect(asking.requests).toEqual([])
    })

    test("is not kept where it holds a secret", async () => {
      const trial = createTrial(remembering(() => ({ replayed: { digest: "s3cret-value", times: 1 } })))
      await failureOf(trial.run())
      expect(trial.heartbeats).toEqual([])
    })
  })

  test("heartbeats from two seconds on, repeating the marker it inherited", async () => {
    const trial = createTrial(hanging, later({ attempt: 2, clean: true }))
    const ended = failureOf(trial.run())
    await vi.advanceTimersByTimeAsync(HEARTBEAT_INTERVAL_MS - 1)
    expect(trial.heartbeats).toEqual([])
    await vi.advanceTimersByTimeAsync(2 * HEARTBEAT_INTERVAL_MS)
    expect(trial.heartbeats).toEqual([
      { attempt: 2, clean: true },
      { attempt: 2, clean: true },
    ])
    trial.cancel()
    await ended
    await vi.advanceTimersByTimeAsync(10 * HEARTBEAT_INTERVAL_MS)
    expect(trial.heartbeats).toHaveLength(2)
    expect(vi.getTimerCount()).toBe(0)
  })

  test("replaces a marker from before an activity reset at once", async () => {
    const trial = createTrial(hanging, later({ attempt: 7, clean: true }))
    const ended = failureOf(trial.run())
    await vi.advanceTimersByTimeAsync(1)
    expect(trial.heartbeats).toEqual([{ attempt: 3, clean: false }])
    trial.cancel()
    await ended
  })

  test("heartbeats without details when there is no marker of ours", async () => {
    const trial = createTrial(hanging, { ...later({ foreign: 1 }) })
    const ended = failureOf(trial.run())
    await vi.advanceTimersByTimeAsync(HEARTBEAT_INTERVAL_MS)
    expect(trial.heartbeats).toEqual([undefined])
    trial.cancel()
    await ended
  })

  test("ends the attempt before Temporal would", async () => {
    const trial = createTrial(hanging, { startToCloseTimeoutMs: 5_000 })
    const ended = failureOf(trial.run())
    await vi.advanceTimersByTimeAsync(4_500)
    expect((await ended).type).toBe("attempt_timeout")
  })

  test("waits for the connection's turn with its heart beating, and gives the connector what time is left", async () => {
    let begin = (_leave: () => void): void => undefined
    let left = 0
    const trial = createTrial(
      () => done,
      { startToCloseTimeoutMs: 10_000 },
      { admit: () => new Promise((resolve) => (begin = resolve)) },
    )
    const ended = trial.run()
    await vi.advanceTimersByTimeAsync(3 * HEARTBEAT_INTERVAL_MS)
    expect(trial.heartbeats).toHaveLength(3)
    expect(trial.requests).toEqual([])
    begin(() => void left++)
    await ended
    expect(trial.requests).toMatchObject([{ budgetMs: 9_000 - 3 * HEARTBEAT_INTERVAL_MS }])
    expect(left).toBe(1)
  })

  test("has not sent anything when its time ends, or a cancel comes, before its turn does", async () => {
    const waiting: AttemptFrame["admit"] = (signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(toError(signal.reason)), { once: true }),
      )
    for (const how of ["time", "cancel"] as const) {
      const trial = createTrial(() => done, { startToCloseTimeoutMs: 5_000 }, { admit: waiting })
      const ended = failureOf(trial.run({ effect: "unsafe" }))
      await vi.advanceTimersByTimeAsync(1)
      if (how === "cancel") trial.cancel()
      else await vi.advanceTimersByTimeAsync(4_500)
      expect((await ended).type).toBe("connection_busy")
      expect((await ended).details?.[0]).toMatchObject({ class: "not_executed", outcome: "not_executed" })
      expect((await ended).nonRetryable).toBe(false)
      expect(trial.requests).toEqual([])
      expect(trial.rows).toMatchObject([{ code: "connection_busy" }])
    }
  })

  test("sends nothing after its time, where the process stood still and its timers have not said so", async () => {
    let left = 0
    const admit = () => {
      vi.setSystemTime(Date.now() + 5_000)
      return Promise.resolve(() => void left++)
    }
    const trial = createTrial(() => done, { startToCloseTimeoutMs: 5_000 }, { admit })
    const { type, detail } = await failureOf(trial.run({ effect: "unsafe" }))
    expect(type).toBe("attempt_timeout")
    expect(detail).toMatchObject({ class: "not_executed", outcome: "not_executed" })
    expect(trial.requests).toEqual([])
    expect(left).toBe(1)
  })

  test("gives the place back when the connector throws", async () => {
    let left = 0
    const throwing = () => {
      throw new Misconfigured("address_blocked", "no")
    }
    const trial = createTrial(throwing, {}, { admit: () => Promise.resolve(() => void left++) })
    expect((await failureOf(trial.run())).type).toBe("address_blocked")
    expect(left).toBe(1)
  })

  test("hands a cancellation on, also one that came before the start", async () => {
    const trial = createTrial(hanging)
    const ended = failureOf(trial.run())
    await vi.waitFor(() => expect(trial.requests).toHaveLength(1))
    trial.cancel()
    expect((await ended).type).toBe("attempt_cancelled")
    const cancelled = createTrial((request) =>
      failed({ code: request.signal.aborted ? "aborted" : "running" }),
    )
    cancelled.cancel()
    expect((await failureOf(cancelled.run())).type).toBe("aborted")
  })
})
