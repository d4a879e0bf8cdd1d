import { describe, expect, test } from "vitest"
import { validateFlow } from "./validate.ts"
import { compile, compileOne, flow, problemsOf, task } from "./definitions.testsuite.ts"

const retryOf = (retry: unknown) => compileOne(task("a", { retry })).retry

describe("compileRetry()", () => {
  test("writes out the defaults", () => {
    expect(compileOne(task("a")).retry).toEqual({
      strategy: "auto",
      max_attempts: 5,
      interval_ms: 1_000,
      backoff: 2,
      max_interval_ms: 60_000,
      non_retryable: [],
    })
  })

  test("takes an installation's own defaults", () => {
    const retryDefaults = { max_attempts: 2, interval_ms: 90_000, backoff: 3, max_interval_ms: 90_000 }
    const { plan } = validateFlow(flow([task("a"), task("b", { retry: { max_attempts: 7 } })]), {
      connections: [],
      retryDefaults,
    })
    expect(plan?.tasks.map(({ retry }) => retry)).toMatchObject([
      retryDefaults,
      { ...retryDefaults, max_attempts: 7 },
    ])
  })

  test("reads all durations", () => {
    const retry = {
      strategy: "auto",
      max_attempts: 3,
      interval: 5,
      backoff: 1.5,
      max_interval: "1m",
      max_elapsed: "PT1H",
      non_retryable: ["HTTP_402"],
    }
    expect(retryOf(retry)).toEqual({
      strategy: "auto",
      max_attempts: 3,
      interval_ms: 5_000,
      backoff: 1.5,
      max_interval_ms: 60_000,
      max_elapsed_ms: 3_600_000,
      non_retryable: ["HTTP_402"],
    })
  })

  test("manual and no_retry try once, whatever is written", () => {
    expect(retryOf({ strategy: "manual", max_attempts: 3 }).max_attempts).toBe(1)
    expect(retryOf({ strategy: "no_retry", max_attempts: 3 }).max_attempts).toBe(1)
  })

  test("never lets the cap be shorter than the interval, which Temporal refuses", () => {
    expect(retryOf({ interval: "5m" }).max_interval_ms).toBe(300_000)
    const problems = (retry: unknown) => problemsOf(flow([task("a", { retry })]))
    expect(problems({ interval: "5m", max_interval: "1m" })).toEqual([
      "out_of_range /tasks/0/retry/max_interval",
    ])
    expect(problems({ max_interval: "500ms" })).toEqual(["out_of_range /tasks/0/retry/max_interval"])
    expect(problems({ max_interval: "1s" })).toEqual([])
  })

  test.each([
    [{ strategy: "never" }, "invalid_value /strategy"],
    [{ max_attempts: 0 }, "out_of_range /max_attempts"],
    [{ max_attempts: 2.5 }, "wrong_type /max_attempts"],
    [{ max_attempts: "3" }, "wrong_type /max_attempts"],
    [{ backoff: 0.5 }, "out_of_range /backoff"],
    [{ interval: 0 }, "invalid_duration /interval"],
    [{ interval: "soon" }, "invalid_duration /interval"],
    [{ max_elapsed: -1 }, "invalid_duration /max_elapsed"],
    [{ non_retryable: "HTTP_402" }, "wrong_type /non_retryable"],
    [{ max_attemps: 3 }, "unknown_field /max_attemps"],
    [[], "wrong_type "],
  ])("refuses %j", (retry, problem) => {
    const [code, inside] = problem.split(" ")
    expect(problemsOf(flow([task("a", { retry })]))).toEqual([`${code} /tasks/0/retry${inside}`])
  })
})

describe("compileTimeout()", () => {
  test("gives an attempt 30 s, and nothing else a bound", () => {
    expect(compileOne(task("a")).timeout).toEqual({ attempt_ms: 30_000 })
  })

  test("wants a heartbeat of an attempt that may take longer than two minutes", () => {
    expect(compileOne(task("a", { timeout: { attempt: "2m" } })).timeout).toEqual({ attempt_ms: 120_000 })
    expect(compileOne(task("a", { timeout: { attempt: "10m" } })).timeout).toEqual({
      attempt_ms: 600_000,
      heartbeat_ms: 60_000,
    })
    const own = { attempt: "10m", heartbeat: "5m" }
    expect(compileOne(task("a", { timeout: own })).timeout).toMatchObject({ heartbeat_ms: 300_000 })
  })

  test("reads all four", () => {
    const timeout = { attempt: 5, queue: "1m", total: "15m", heartbeat: "2s" }
    expect(compileOne(task("a", { timeout })).timeout).toEqual({
      attempt_ms: 5_000,
      queue_ms: 60_000,
      total_ms: 900_000,
      heartbeat_ms: 2_000,
    })
    expect(problemsOf(flow([task("a", { timeout: { atempt: 5 } })]))).toEqual([
      "unknown_field /tasks/0/timeout/atempt",
    ])
  })
})

describe("on_error", () => {
  test.each([
    [{}, "park", "park"],
    [{}, "finish_independent", "fail"],
    [{ retry: { strategy: "manual" } }, "finish_independent", "park"],
    [{ retry: { strategy: "no_retry" } }, "park", "fail"],
    [{ retry: { strategy: "no_retry" }, on_error: "park" }, "park", "park"],
    [{ on_error: "fail" }, "park", "fail"],
    [{ on_error: "park" }, "finish_independent", "park"],
  ])("of %j under policy %s is %s", (more, failure, onError) => {
    expect(compile(flow([task("a", more)], { policy: { failure } })).tasks[0]?.on_error).toBe(onError)
  })

  test("parks without a policy", () => {
    expect(compileOne(task("a")).on_error).toBe("park")
  })
})
