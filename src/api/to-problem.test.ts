import { HTTPException } from "hono/http-exception"
import { describe, expect, test } from "vitest"
import { REFUSALS } from "../contract/errors.ts"
import { ApiProblem, toProblemBody } from "./problem.ts"
import { toApiProblem } from "./to-problem.ts"

function coded(code: string, message = "connect to 10.0.0.5:5432 failed") {
  return Object.assign(new Error(message), { code })
}

describe("toApiProblem()", () => {
  test.each([
    coded("ECONNREFUSED"),
    coded("57014"),
    coded("57P01"),
    coded("57P03"),
    coded("08006"),
    coded("53300"),
    new Error("Connection terminated unexpectedly"),
    new Error("timeout exceeded when trying to connect"),
    new AggregateError([coded("ECONNREFUSED"), coded("ECONNREFUSED")]),
  ])("says of %s that the database is away", (error) => {
    const problem = toApiProblem(error)
    expect(problem).toMatchObject({
      word: "database_unavailable",
      status: 503,
      headers: { "retry-after": "2" },
      cause: error,
    })
    expect(JSON.stringify(toProblemBody(problem, "r"))).not.toContain("10.0.0.5")
  })

  test.each([
    coded("23505"),
    coded("42P01"),
    new Error("secret"),
    "thrown text",
    undefined,
    new AggregateError([]),
  ])("says nothing of %s", (error) => {
    const problem = toApiProblem(error)
    expect(problem).toMatchObject({ word: "internal", status: 500 })
    expect(toProblemBody(problem, "r").detail).toBe(
      "Something went wrong on our side. The request id finds it in our logs.",
    )
  })

  test("does not pass on the words of a library", () => {
    for (const status of [400, 415, 413, 500] as const) {
      const problem = toApiProblem(new HTTPException(status, { message: "inner words" }))
      expect(problem.status).toBe(status)
      expect(problem.message).not.toContain("inner words")
    }
  })
})

describe("ApiProblem", () => {
  test("answers 409 for every refusal but two, with its sentence", () => {
    const others: Record<string, number> = { own_request: 403, unknown_request: 404 }
    for (const word of Object.keys(REFUSALS) as (keyof typeof REFUSALS)[]) {
      expect(toProblemBody(new ApiProblem(word), "r")).toEqual({
        code: others[word] ?? 409,
        status: others[word] ?? 409,
        message: REFUSALS[word],
        detail: REFUSALS[word],
        title: REFUSALS[word],
        data: null,
        type: `urn:holdfast:problem:${word}`,
        instance: "urn:holdfast:request:r",
        error: word,
        request_id: "r",
      })
    }
  })
})
