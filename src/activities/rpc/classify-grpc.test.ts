import { status as statuses } from "@grpc/grpc-js"
import { describe, expect, test } from "vitest"
import { PROFILES } from "../../contract/connections.ts"
import { classifyGrpc, grpcStatusOf } from "./classify-grpc.ts"

const SAME_EVERYWHERE = {
  INVALID_ARGUMENT: "refused",
  OUT_OF_RANGE: "refused",
  NOT_FOUND: "refused",
  ALREADY_EXISTS: "refused",
  UNIMPLEMENTED: "misconfigured",
  UNAUTHENTICATED: "misconfigured",
  PERMISSION_DENIED: "misconfigured",
  UNAVAILABLE: "unknown",
  DEADLINE_EXCEEDED: "unknown",
  CANCELLED: "unknown",
  UNKNOWN: "unknown",
  INTERNAL: "unknown",
  DATA_LOSS: "unknown",
} as const

describe("classifyGrpc()", () => {
  test.each(Object.entries(SAME_EVERYWHERE))("%s is %s under every profile", (status, expected) => {
    for (const profile of PROFILES)
      for (const hasPushback of [true, false])
        expect(classifyGrpc({ status: status as keyof typeof SAME_EVERYWHERE, profile, hasPushback })).toBe(
          expected,
        )
  })

  test.each([
    ["FAILED_PRECONDITION", "plain", "refused"],
    ["FAILED_PRECONDITION", "ietf-idempotency", "refused"],
    ["FAILED_PRECONDITION", "dtm", "ongoing"],
    ["ABORTED", "plain", "not_executed"],
    ["ABORTED", "ietf-idempotency", "not_executed"],
    ["ABORTED", "dtm", "refused"],
  ] as const)("%s under %s is %s", (status, profile, expected) => {
    expect(classifyGrpc({ status, profile, hasPushback: false })).toBe(expected)
  })

  test("RESOURCE_EXHAUSTED is not run only when the server says when to come back", () => {
    const signal = { status: "RESOURCE_EXHAUSTED", profile: "plain" } as const
    expect(classifyGrpc({ ...signal, hasPushback: true })).toBe("not_executed")
    expect(classifyGrpc({ ...signal, hasPushback: false })).toBe("unknown")
  })
})

describe("grpcStatusOf()", () => {
  test("names every code as gRPC does", () => {
    for (const [name, code] of Object.entries(statuses))
      if (typeof code === "number") expect(grpcStatusOf(code)).toBe(name)
    expect(grpcStatusOf(99)).toBe("UNKNOWN")
  })
})
