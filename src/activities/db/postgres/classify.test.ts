import { describe, expect, test } from "vitest"
import { leavesCommitOpen, sqlStateOf } from "../../../barrier/postgres-errors.ts"
import { classifySqlState } from "./classify.ts"

describe("classifySqlState()", () => {
  test.each(["40001", "40P01"])("%s is a conflict: the whole transaction may run again", (state) => {
    expect(classifySqlState({ state })).toEqual({ class: "not_executed", conflict: true })
  })

  test.each([
    "55P03",
    "57014",
    "53000",
    "53100",
    "53200",
    "53300",
    "25006",
    "57P03",
    "08000",
    "08001",
    "08003",
    "08004",
    "08006",
    "57P01",
    "57P02",
    "25P03",
    "99999",
  ])("%s was not executed", (state) => {
    expect(classifySqlState({ state })).toEqual({ class: "not_executed" })
  })

  test.each([
    "23505",
    "23503",
    "23514",
    "23P01",
    "23502",
    "22001",
    "22003",
    "22P02",
    "22012",
    "P0001",
    "P0002",
    "44000",
  ])("%s is a refusal", (state) => {
    expect(classifySqlState({ state })).toEqual({ class: "refused" })
  })

  test.each([
    "42601",
    "42P01",
    "42703",
    "42501",
    "3D000",
    "28000",
    "28P01",
    "0A000",
    "25P02",
    "25001",
    "3F000",
    "21000",
  ])("%s is a mistake", (state) => {
    expect(classifySqlState({ state })).toEqual({ class: "misconfigured" })
  })

  test.each([
    ["a statement with too few values", "ERROR", "exec_bind_message", "misconfigured"],
    ["the same, from a server that speaks Chinese", "错误", "exec_bind_message", "misconfigured"],
    ["an error of the business's own", "ERROR", "exec_stmt_raise", "misconfigured"],
    ["a pooler's trouble", "FATAL", undefined, "not_executed"],
    ["a server that ends the connection", "FATAL", "SocketBackend", "not_executed"],
    ["the same, from a server that speaks Chinese", "致命错误", "SocketBackend", "not_executed"],
  ])("08P01, %s", (_name, severity, routine, expected) => {
    expect(classifySqlState({ state: "08P01", severity, routine })).toEqual({ class: expected })
  })

  test("0A000 of a standby that is asked for writing was not executed", () => {
    const standby = { state: "0A000", severity: "错误", routine: "call_bool_check_hook" }
    expect(classifySqlState(standby)).toEqual({ class: "not_executed" })
  })

  test("08007 leaves open what another transaction did", () => {
    expect(classifySqlState({ state: "08007" })).toEqual({ class: "unknown" })
  })

  test.each(["XX000", "XX001", "XX002"])("%s is for a person, and leaves open what happened", (state) => {
    expect(classifySqlState({ state })).toEqual({ class: "misconfigured", left: "unknown" })
  })
})

describe("leavesCommitOpen()", () => {
  test("is so for lost connections, not for refusals of the commit", () => {
    for (const state of ["08006", "08007", "08P01", "57P01", "57P02", "40003", "XX000"])
      expect(leavesCommitOpen(state), state).toBe(true)
    for (const state of ["23505", "23503", "40001", "P0001", "57014"])
      expect(leavesCommitOpen(state), state).toBe(false)
  })
})

describe("sqlStateOf()", () => {
  test("tells the server's codes from the socket's", () => {
    const server = Object.assign(new Error("x"), { code: "57P01", severity: "FATAL" })
    expect(sqlStateOf(server)).toBe("57P01")
    for (const code of ["EPIPE", "ECONNRESET", undefined, 7])
      expect(sqlStateOf(Object.assign(new Error("x"), { code }))).toBeUndefined()
  })
})
