import { describe, expect, test } from "vitest"
import { ApiError, Unreachable } from "../sdk/errors.ts"
import { EXIT, toExitCode, UsageError } from "./exit-codes.ts"

describe("toExitCode()", () => {
  test.each([
    [new UsageError("--wait takes a number"), EXIT.usage],
    [new ApiError(404, { error: "flow_not_found" }, ""), EXIT.notFound],
    [new ApiError(404, { error: "route_not_found" }, ""), EXIT.failed],
    [new ApiError(404, undefined, "a proxy's page"), EXIT.failed],
    [new ApiError(401, undefined, ""), EXIT.auth],
    [new ApiError(403, undefined, ""), EXIT.auth],
    [new ApiError(409, undefined, ""), EXIT.failed],
    [new Unreachable("http://127.0.0.1:1", new Error("refused")), EXIT.failed],
    ["thrown text", EXIT.failed],
  ])("%s is %i", (thrown, code) => {
    expect(toExitCode(thrown)).toBe(code)
  })
})
