import { deflateSync, strToU8 } from "fflate"
import { describe, expect, test } from "vitest"
import { toTravelling } from "./plan-cache.ts"

const packed = (bytes: number) => deflateSync(strToU8(JSON.stringify("x".repeat(bytes - 2))))

describe("toTravelling()", () => {
  test("sends a plan of 16 KiB inside the start input", () => {
    expect(toTravelling(packed(16 * 1024))).toEqual({ plan: "x".repeat(16 * 1024 - 2) })
  })

  test("sends a larger one as it is stored", () => {
    const bytes = packed(16 * 1024 + 1)
    expect(toTravelling(bytes)).toEqual({ packed: bytes })
  })
})
