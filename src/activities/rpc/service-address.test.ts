import { describe, expect, test } from "vitest"
import { Misconfigured } from "../call.ts"
import { toServiceConnection } from "./service-address.ts"

describe("toServiceConnection()", () => {
  test.each([
    ["payment-service", "payment-service", 80],
    ["payment_service:8091", "payment_service", 8091],
    ["p", "p", 80],
    ["10.0.0.1:99", "10.0.0.1", 99],
    ["[::1]:99", "::1", 99],
    ["shop.example.org", "shop.example.org", 80],
  ])("takes %s for a host", (service, host, port) => {
    expect(toServiceConnection(service)).toMatchObject({ kind: "http-rpc", host, port })
  })

  test.each([
    "",
    "a b",
    "a/b",
    "http://a",
    "a:0",
    "a:70000",
    "a:x",
    "user@a",
    "[x]:1",
    "::1",
    "a..",
    "-a",
    "a\r\nb",
    7,
    undefined,
    null,
  ])("refuses %j", (service) => {
    expect(() => toServiceConnection(service)).toThrow(Misconfigured)
  })
})
