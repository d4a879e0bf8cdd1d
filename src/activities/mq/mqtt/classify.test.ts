import { describe, expect, test } from "vitest"
import { classifyConnack, classifyPuback, codeOfReason } from "./classify.ts"

describe("classifyPuback()", () => {
  test.each([0x00, 0x10, 0x7f])("0x%s: the broker has it", (reason) => {
    expect(classifyPuback(reason)).toBe("done")
  })

  test.each([
    [0x87, "misconfigured"],
    [0x90, "misconfigured"],
    [0x99, "misconfigured"],
    [0x97, "not_executed"],
    [0x80, "unknown"],
    [0x83, "unknown"],
    [0x91, "unknown"],
    [0xff, "unknown"],
  ])("%d is %s", (reason, expected) => {
    expect(classifyPuback(reason)).toBe(expected)
  })
})

describe("classifyConnack()", () => {
  test("tells what a person must repair from what passes", () => {
    for (const reason of [1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c])
      expect(classifyConnack(reason), String(reason)).toBe("misconfigured")
    for (const reason of [3, 0x80, 0x88, 0x89, 0x97, 0x9c, 0x9f])
      expect(classifyConnack(reason), String(reason)).toBe("not_executed")
  })
})

describe("codeOfReason()", () => {
  test("is a stable word", () => {
    expect(codeOfReason("PUBACK", 0x87)).toBe("MQTT_PUBACK_0x87")
    expect(codeOfReason("CONNACK", 5)).toBe("MQTT_CONNACK_0x05")
  })
})
