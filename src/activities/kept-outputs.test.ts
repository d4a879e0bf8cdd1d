import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import type { CallInput } from "../contract/activities.ts"
import { parseExpression } from "../flow/parse-expression.ts"
import type { OutputOwner, OutputStore } from "../store/output-store.ts"
import { createTrial, done, failureOf, later } from "./attempt-trial.testsuite.ts"
import type { Verdict } from "./call.ts"

const LARGE = { text: "发票".repeat(40_000) }
const JSON_OF_LARGE = JSON.stringify(LARGE)
const sha256Of = (json: string) => createHash("sha256").update(json).digest("hex")
const SHA256 = sha256Of(JSON_OF_LARGE)
const isLarge: Verdict = { ...done, output: LARGE }
/** Room for a few tries, and an end that a test can wait for. */
const SHORT = { startToCloseTimeoutMs: 1_000 }

interface MemoryStore extends OutputStore {
  kept: { owner: OutputOwner; sha256: string; json: string }[]
  loads: { owner: OutputOwner; sha256s: readonly string[] }[]
}

/** A store that is away for the first tries. */
function createStore({
  failures = 0,
  rows = {},
}: { failures?: number; rows?: Record<string, string> } = {}): MemoryStore {
  let left = failures
  const answer = <T>(value: T) =>
    left-- > 0 ? Promise.reject(new Error("the database is away")) : Promise.resolve(value)
  const store: MemoryStore = {
    kept: [],
    loads: [],
    keep: async (owner, { sha256, json }) => {
      await answer(undefined)
      store.kept.push({ owner, sha256, json })
    },
    load: (owner, sha256s) => {
      store.loads.push({ owner, sha256s })
      return answer(new Map(Object.entries(rows)))
    },
  }
  return store
}

describe("an output that is too large to travel", () => {
  test("is kept under its transaction, and a reference is answered", async () => {
    const store = createStore()
    const trial = createTrial(() => isLarge, {}, { outputs: store })
    expect(await trial.run({ by_reference: true })).toEqual({
      output: null,
      by_reference: { sha256: SHA256, bytes: Buffer.byteLength(JSON_OF_LARGE), type: "object" },
      ended_at: expect.any(Number),
    })
    expect(store.kept).toEqual([
      { owner: { tenant: "acme", instance_id: "order-1" }, sha256: SHA256, json: JSON_OF_LARGE },
    ])
    expect(trial.rows).toMatchObject([{ class: "done", outcome: "executed" }])
  })

  test.each([
    ["object", { a: "x".repeat(70_000) }],
    ["list", ["x".repeat(70_000)]],
    ["string", "x".repeat(70_000)],
  ])("says that it is of type %s", async (type, output) => {
    const trial = createTrial(() => ({ ...done, output }), {}, { outputs: createStore() })
    expect(await trial.run({ by_reference: true })).toMatchObject({ by_reference: { type } })
  })

  test("of a run that takes no reference is a mistake in the flow, as before", async () => {
    const store = createStore()
    const failure = await failureOf(createTrial(() => isLarge, {}, { outputs: store }).run())
    expect(failure.detail).toMatchObject({ code: "output_too_large", outcome: "executed" })
    expect(store.kept).toEqual([])
  })

  test("has a limit of its own", async () => {
    const trial = createTrial(
      () => ({ ...done, output: "x".repeat(8 * 1024 * 1024) }),
      {},
      { outputs: createStore() },
    )
    const failure = await failureOf(trial.run({ by_reference: true }))
    expect(failure.detail).toMatchObject({ code: "output_too_large", outcome: "executed" })
    expect(failure.message).toContain("the limit is 8388608")
  })

  test("may come out of an expression", async () => {
    const store = createStore()
    const output = ["$", parseExpression("{'all': output.rows}")] as const
    const rows = Array.from({ length: 300 }, (_, at) => `${at}`.padEnd(1_000, "."))
    const trial = createTrial(() => ({ ...done, output: { rows } }), {}, { outputs: store })
    expect(await trial.run({ by_reference: true, output })).toMatchObject({ output: null })
    expect(store.kept).toMatchObject([{ json: JSON.stringify({ all: rows }) }])
  })

  test("is asked for small fields only, and then travels inline and asks no store", async () => {
    const output = ["$", parseExpression("size(output.text)")] as const
    const store = createStore({ failures: 1 })
    const trial = createTrial(() => isLarge, {}, { outputs: store })
    expect(await trial.run({ by_reference: true, output })).toMatchObject({ output: 80_000 })
    expect(store).toMatchObject({ kept: [], loads: [] })
  })

  test("holds no secret that was read", async () => {
    const store = createStore()
    const trial = createTrial(
      () => ({ ...done, output: { ...LARGE, told: "s3cret-value" } }),
      {},
      { outputs: store },
    )
    await trial.run({ by_reference: true })
    expect(store.kept[0]?.json).toContain('"told":"[redacted]"')
  })

  test("is tried again while the store is away", async () => {
    const store = createStore({ failures: 2 })
    const trial = createTrial(() => isLarge, {}, { outputs: store })
    expect(await trial.run({ by_reference: true })).toMatchObject({ by_reference: { sha256: SHA256 } })
    expect(trial.requests).toHaveLength(1)
  })

  test.each([
    ["unsafe", true],
    ["keyed", false],
  ] as const)("and could not be kept in time leaves a call that is %s unknown", async (effect, isFinal) => {
    const trial = createTrial(() => isLarge, SHORT, { outputs: createStore({ failures: Infinity }) })
    const failure = await failureOf(trial.run({ by_reference: true, effect }))
    expect(failure.detail).toMatchObject({ class: "unknown", outcome: "unknown", code: "output_not_kept" })
    expect(failure.nonRetryable).toBe(isFinal)
    expect(failure.message).toContain("the database is away")
    expect(trial.requests).toHaveLength(1)
    // No marker says that nothing ran.
    expect(trial.heartbeats).toEqual([])
  })

  test("does not outlast the attempt when the store stands still", async () => {
    const store = { ...createStore(), keep: () => new Promise<void>(() => {}) }
    const failure = await failureOf(
      createTrial(() => isLarge, SHORT, { outputs: store }).run({ by_reference: true }),
    )
    expect(failure.detail.code).toBe("output_not_kept")
  })
})

describe("a call that takes kept outputs", () => {
  const reference = { sha256: SHA256, bytes: JSON_OF_LARGE.length, type: "object" } as const
  const call: Partial<CallInput> = {
    config: { url: "/x", body: { lines: [1, null] } },
    input: null,
    references: [
      { ...reference, at: ["config", "body", "lines", 1] },
      { ...reference, at: ["input"] },
    ],
  }
  const taking = () => structuredClone(call)

  test("gets each in its place, loaded once, of its own transaction", async () => {
    const store = createStore({ rows: { [SHA256]: JSON_OF_LARGE } })
    const trial = createTrial(() => done, {}, { outputs: store })
    await trial.run(taking())
    expect(trial.requests).toMatchObject([
      { config: { url: "/x", body: { lines: [1, LARGE] } }, input: LARGE },
    ])
    expect(store.loads).toEqual([{ owner: { tenant: "acme", instance_id: "order-1" }, sha256s: [SHA256] }])
  })

  test("has the fingerprint of the same call without references", async () => {
    const inline = createTrial(() => done)
    await inline.run({ config: { url: "/x", body: { lines: [1, LARGE] } }, input: LARGE })
    const loaded = createTrial(
      () => done,
      {},
      { outputs: createStore({ rows: { [SHA256]: JSON_OF_LARGE } }) },
    )
    await loaded.run(taking())
    expect(loaded.requests[0]?.fingerprint).toBe(inline.requests[0]?.fingerprint)
  })

  test("is not sent while the store is away, and says so for the next attempt", async () => {
    const trial = createTrial(() => done, SHORT, { outputs: createStore({ failures: 99 }) })
    const failure = await failureOf(trial.run({ ...taking(), effect: "unsafe" }))
    expect(failure.detail).toMatchObject({
      class: "not_executed",
      outcome: "not_executed",
      code: "outputs_unavailable",
    })
    expect(failure.nonRetryable).toBe(false)
    expect(trial.requests).toEqual([])
    expect(trial.heartbeats).toEqual([{ attempt: 1, clean: true }])
  })

  test("is sent once the store is back, within the same attempt", async () => {
    const store = createStore({ failures: 1, rows: { [SHA256]: JSON_OF_LARGE } })
    const trial = createTrial(() => done, {}, { outputs: store })
    await trial.run(taking())
    expect(trial.requests).toMatchObject([{ input: LARGE }])
  })

  test("does not outlast its time when the store stands still", async () => {
    const store = { ...createStore(), load: () => new Promise<never>(() => {}) }
    const failure = await failureOf(createTrial(() => done, SHORT, { outputs: store }).run(taking()))
    expect(failure.detail).toMatchObject({ class: "not_executed", code: "outputs_unavailable" })
  })

  test("does not clear what is unknown of earlier attempts", async () => {
    const info = { ...later(undefined), ...SHORT }
    const trial = createTrial(() => done, info, { outputs: createStore({ failures: 99 }) })
    expect((await failureOf(trial.run(taking()))).detail.outcome).toBe("unknown")
  })

  test.each([
    ["output_missing", {}],
    ["output_damaged", { [SHA256]: JSON_OF_LARGE.replace("发票", "支票") }],
  ])("is a misconfigured one: %s", async (code, rows) => {
    const trial = createTrial(() => done, {}, { outputs: createStore({ rows }) })
    const failure = await failureOf(trial.run(taking()))
    expect(failure).toMatchObject({ type: code, nonRetryable: true })
    expect(failure.detail).toMatchObject({ class: "misconfigured", outcome: "not_executed" })
    expect(trial.requests).toEqual([])
  })

  test.each([
    [["config", "none"]],
    [["config", "url"]],
    [["config", "toString"]],
    [["config", "body", "lines", 7]],
  ])("has no place at %j", async (at) => {
    const trial = createTrial(() => done, {}, { outputs: createStore({ rows: { [SHA256]: JSON_OF_LARGE } }) })
    const failure = await failureOf(trial.run({ ...taking(), references: [{ ...reference, at }] }))
    expect(failure.type).toBe("reference_misplaced")
  })
})
