import { describe, expect, test } from "vitest"
import { compileOne, CONNECTIONS, flow, http, task, warningsOf } from "./definitions.testsuite.ts"

const auto = (max_attempts: number) => ({ retry: { strategy: "auto", max_attempts } })

describe("resolveEffect()", () => {
  test("is unsafe when nobody says anything", () => {
    expect(compileOne(task("a")).effect).toBe("unsafe")
    expect(warningsOf(flow([task("a")]))).toEqual([])
  })

  test("takes written retries as a promise, with a warning", () => {
    expect(compileOne(task("a", auto(3))).effect).toBe("keyed")
    expect(warningsOf(flow([task("a", auto(3))]))).toEqual(["effect_assumed_keyed /tasks/0/effect"])
  })

  test.each([
    auto(1),
    { retry: { strategy: "auto" } },
    { retry: { max_attempts: 3 } },
    { retry: { strategy: "manual" } },
  ])("does not take %j as one", (more) => {
    expect(compileOne(task("a", more)).effect).toBe("unsafe")
    expect(warningsOf(flow([task("a", more)]))).toEqual([])
  })

  test("believes the connection before it guesses", () => {
    const definition = http("a", { url: "/x", connection: "shipping" }, auto(3))
    expect(compileOne(definition).effect).toBe("keyed")
    expect(warningsOf(flow([definition]))).toEqual([])
    const unsafe = CONNECTIONS.map((one) =>
      one.name === "shipping" ? { ...one, effect: "unsafe" as const } : one,
    )
    expect(compileOne(definition, unsafe).effect).toBe("unsafe")
  })

  test("believes the author before all", () => {
    for (const effect of ["read", "idempotent", "keyed", "unsafe"]) {
      expect(
        compileOne(http("a", { url: "/x", connection: "shipping", method: "GET" }, { effect })).effect,
      ).toBe(effect)
    }
  })

  test("45: warns of retries of what the author calls unsafe", () => {
    expect(warningsOf(flow([task("a", { effect: "unsafe", ...auto(3) })]))).toEqual([
      "unsafe_retry /tasks/0/retry",
    ])
    expect(warningsOf(flow([task("a", { effect: "unsafe", retry: {} })]))).toEqual([
      "unsafe_retry /tasks/0/retry",
    ])
    expect(warningsOf(flow([task("a", { effect: "unsafe", ...auto(1) })]))).toEqual([])
    expect(warningsOf(flow([task("a", { effect: "unsafe" })]))).toEqual([])
    expect(warningsOf(flow([task("a", { effect: "unsafe", retry: { strategy: "manual" } })]))).toEqual([])
  })
})
