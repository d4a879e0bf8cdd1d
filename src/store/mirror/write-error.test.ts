import { DatabaseError } from "pg"
import { describe, expect, test } from "vitest"
import { judgeWriteError, UnstorableValue } from "./write-error.ts"

function sqlError(code: string): DatabaseError {
  const error = new DatabaseError("no", 2, "error")
  error.code = code
  return error
}

describe("judgeWriteError()", () => {
  test.each([
    ["22P05", "row"],
    ["23502", "row"],
    ["21000", "row"],
    ["54000", "row"],
    ["57014", "slow"],
    ["40P01", "again"],
    ["55P03", "again"],
    ["57P01", "outage"],
    ["53100", "outage"],
    ["42P01", "outage"],
  ])("judges SQLSTATE %s as %s", (code, failure) => {
    expect(judgeWriteError(sqlError(code))).toBe(failure)
  })

  test("blames no row for a lost connection or a mistake of ours", () => {
    expect(judgeWriteError(new Error("Connection terminated unexpectedly"))).toBe("outage")
    expect(judgeWriteError(new TypeError("x is not a function"))).toBe("outage")
    expect(judgeWriteError(new UnstorableValue("a BigInt"))).toBe("row")
  })
})
